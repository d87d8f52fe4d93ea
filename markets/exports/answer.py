"""A file or lines → an HTTP answer that is sent piece by piece, whichever server asks."""

from collections.abc import AsyncIterator, Iterator
from itertools import islice

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from ledger import export
from ledger.models import Stream
from markets.exports.files import Made
from markets.queries import SessionInfo

_LINES_AT_ONCE = 500
_BLOCK = 1 << 16


def ledger_lines(request: HttpRequest, session: SessionInfo) -> StreamingHttpResponse:
    """The events as JSON lines: what `manage.py export` writes."""
    lines = export.lines(Stream.objects.get(id=session.stream))
    return _streamed(request, _joined(lines), f"{session.session_id}.jsonl", "application/jsonl")


def file(request: HttpRequest, made: Made) -> StreamingHttpResponse:
    """A file that was made, block by block."""
    return _streamed(request, _blocks(made), made.name, made.media_type)


def _joined(lines: Iterator[str]) -> Iterator[bytes]:
    while block := "".join(islice(lines, _LINES_AT_ONCE)):
        yield block.encode()


def _blocks(made: Made) -> Iterator[bytes]:
    with made.content:
        while block := made.content.read(_BLOCK):
            yield block


def _streamed(request: HttpRequest, blocks: Iterator[bytes], name: str, media_type: str) -> StreamingHttpResponse:
    content = _from_threads(blocks) if isinstance(request, ASGIRequest) else blocks
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(content, content_type=media_type, headers=headers)


async def _from_threads(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The event loop never waits for the database or the disk, and no more than a block is ever in memory."""
    while block := await sync_to_async(lambda: next(blocks, b""))():
        yield block
