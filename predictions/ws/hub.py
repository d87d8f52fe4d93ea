"""The watched exchanges of this process: one feed each."""

from uuid import UUID

from accounts import handshake
from common.live.following import Hub
from common.live.threads import in_thread
from ledger.models import Stream
from ledger.runtime import runtime
from predictions.ws.feed import Feed, Guest, mirror_of


class ExchangeHub(Hub[Feed]):
    """Who came without credentials stays."""

    def __init__(self) -> None:
        super().__init__()
        runtime.after_commit.append(self.committed)

    def stop(self) -> None:
        runtime.after_commit.remove(self.committed)
        super().stop()

    async def _make(self, stream: UUID) -> Feed | None:
        mirror = await in_thread(mirror_of, stream)
        return Feed(mirror, stream) if mirror else None

    async def _look(self) -> None:
        seqs = await in_thread(_seqs_of, list(self._followed))
        for stream, feed in list(self._followed.items()):
            feed.hear(seqs.get(stream, 0))

    def _gone(self, guests: set[Guest]) -> set[Guest]:
        return {guest for guest in guests if guest.credentials and user_of(guest) != guest.user}


def _seqs_of(streams: list[UUID]) -> dict[UUID, int]:
    """stream → its last committed event; deleted ones are absent."""
    return dict(Stream.objects.filter(id__in=streams, deleted_at=None).values_list("id", "seq"))


def user_of(guest: Guest) -> str:
    """The opaque id of who bears a guest's credentials; "" for nobody."""
    shown = guest.credentials
    if shown is None:
        return ""
    found = handshake.user_of_key(shown.secret, guest.stream) if shown.secret else handshake.signed_in(shown.cookie)
    return found.uid if found else ""
