"""Is this process fit to serve? Nothing secret, nobody asked who they are.

`/health` looks at the process and its database: restart what fails it. `/health/ready` looks at all that the process
leans on: send no requests where it says 503.
"""

import shutil
import threading
import time
from pathlib import Path

import redis
from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from common.clock import SECOND, now_us
from ledger.durability import room
from markets import queries

_LATE_US = 10 * SECOND
_LITTLE_BYTES, _TOO_LITTLE_BYTES = 512 * 2**20, 64 * 2**20
_REDIS_WITHIN_S = 0.5
_FRESH_S = 1.0


@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """200 with status ok; 503 where the database does not answer."""
    if _database() == "down":
        return JsonResponse({"status": "down", "database": "down"}, status=503, headers={"Retry-After": "5"})
    return JsonResponse({"status": "ok", "database": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """ok, degraded (it serves, but somebody should look) or down, and the same for each part; 503 when down.

    `detail`, where not all is ok: a sentence for each part that is not.
    """
    found = _looked.now()
    worst = max(found.values(), key=("ok", "degraded", "down").index)
    answer: dict[str, object] = {"status": worst, "checks": found}
    if worst != "ok":
        answer["detail"] = " ".join(_SENTENCES[name] for name, state in found.items() if state != "ok")
    if worst == "down":
        return JsonResponse(answer, status=503, headers={"Retry-After": "5"})
    return JsonResponse(answer)


class _Look:
    """The checks' answers, at most a second old: however many ask, the database and Redis are asked once."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._found: dict[str, str] = {}
        self._until = 0.0

    def now(self) -> dict[str, str]:
        with self._mutex:
            if time.monotonic() >= self._until:
                self._found = _look()
                self._until = time.monotonic() + _FRESH_S
            return dict(self._found)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return "down"
    return "ok"


def _redis() -> str:
    """Without it pokes are lost and a standby holds the clock: slower, not down."""
    if not settings.REDIS_URL:
        return "ok"
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=_REDIS_WITHIN_S, socket_connect_timeout=_REDIS_WITHIN_S, retry=None
        ) as client:
            client.ping()
    except (redis.RedisError, OSError):
        return "degraded"
    return "ok"


def _clock() -> str:
    """Whether the clock proper has shown itself lately."""
    try:
        return "ok" if now_us() - queries.clock_noted_at() < _LATE_US else "degraded"
    except Error:
        return "degraded"


def _disk() -> str:
    """The room for our files, SQLite's among them; PostgreSQL's own disk shows when a write has been refused."""
    if room.is_lacking:
        return "down"
    folders = {settings.DATA_DIR}
    if connection.vendor == "sqlite":
        folders.add(Path(connection.settings_dict["NAME"]).parent)
    try:
        free = min(shutil.disk_usage(folder).free for folder in folders)
    except OSError:
        return "down"
    return "ok" if free > _LITTLE_BYTES else "degraded" if free > _TOO_LITTLE_BYTES else "down"


def _look() -> dict[str, str]:
    """Each part's state. A database that does not answer is waited for once."""
    database = _database()
    clock = _clock() if database == "ok" else "degraded"
    return {"database": database, "redis": _redis(), "clock": clock, "disk": _disk()}


_SENTENCES = {
    "database": "The database does not answer.",
    "redis": "Redis does not answer; servers hear of each other by polling.",
    "clock": "The clock has not shown itself lately.",
    "disk": "The disk has little or no room left.",
}
_looked = _Look()
