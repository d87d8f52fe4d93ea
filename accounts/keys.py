"""API keys: issue, verify, revoke. The secret is shown once; what is kept is its SHA-256."""

import contextlib
import hmac
import itertools
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction

from accounts.models import ApiKey as ApiKey
from accounts.models import User
from common.clock import now_us
from common.errors import DomainError

SCOPES = ("read", "trade", "organise", "feed")
MOST_KEYS = 100
_REMEMBERED_S, _MOST_TOGETHER = 1.0, 1000
_MINUTE = 60_000_000


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What a key may do, and for whom. `stream`: the one session it opens, None for all of its user's."""

    user_uid: str
    user_id: int
    key_id: int
    scopes: frozenset[str]
    stream: UUID | None


@dataclass(frozen=True, slots=True)
class Bearer:
    """A key's user and rights."""

    user: User
    info: KeyInfo
    prefix: str


class _Remembered:
    """Secrets' digests → who bears them, for a second. Emptied at once when a key is revoked here."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[float, Bearer]] = {}
        self._used: dict[str, str] = {}
        self._mutex = Lock()
        self.generation = 0

    def get(self, digest: str) -> Bearer | None:
        with self._mutex:
            known = self._found.get(digest)
            if known is None or known[0] <= time.monotonic():
                return None
            self._used[digest] = known[1].prefix
            return known[1]

    def to_look_up(self, digest: str, prefix: str) -> tuple[int, dict[str, str]]:
        """The generation, and the digests and prefixes to look up together: this one, and what was used of late."""
        with self._mutex:
            used, self._used = self._used, {}
            return self.generation, {digest: prefix} | dict(itertools.islice(used.items(), _MOST_TOGETHER))

    def put(self, found: Mapping[str, Bearer], generation: int) -> None:
        """Instead of all that is stale. What was looked up before a revocation is not remembered."""
        now = time.monotonic()
        with self._mutex:
            if generation == self.generation:
                fresh = {digest: known for digest, known in self._found.items() if known[0] > now}
                self._found = fresh | {digest: (now + _REMEMBERED_S, bearer) for digest, bearer in found.items()}

    def clear(self) -> None:
        with self._mutex:
            self.generation += 1
            self._found.clear()
            self._used.clear()


_remembered = _Remembered()


def _no_sessions(session_id: str) -> UUID:
    raise DomainError("not_found", f"There is no session {session_id!r}.", field="session_id")


find_session: Callable[[str], UUID] = _no_sessions
"""session_id → stream. Set by whoever knows sessions when Django is ready: accounts does not."""


def issue(
    user: User,
    *,
    name: str,
    scopes: Sequence[str],
    session_id: str = "",
    expires_at: int = 0,
    issuer: User | None = None,
    request_id: str = "",
    stream: UUID | None = None,
    is_organised: bool = False,
) -> tuple[ApiKey, str]:
    """A new key of `user`'s and its secret. The same `request_id` by the same issuer answers the same pair.

    Without an `issuer` the program itself issues it, and nothing is refused but nonsense. `is_organised`: the issuer
    runs the session that the key is bound to, and may give its participants keys to read and trade there. Raises
    DomainError `invalid_key`, `scope_not_allowed`, `too_many_keys`, `not_found` (the session), or
    `idempotency_conflict`.
    """
    wanted = _checked(name, scopes, expires_at)
    if not (is_organised and session_id and {*wanted} <= {"read", "trade"}):
        _check_issuer(user, issuer, wanted)
    stream = find_session(session_id) if session_id else stream
    if ApiKey.objects.filter(user=user, revoked_at=0).count() >= MOST_KEYS:
        raise DomainError("too_many_keys", f"A user may have {MOST_KEYS} keys at most; revoke some.")
    prefix, secret = _new_secret(issuer, request_id)
    row = ApiKey(
        user=user,
        issued_by=issuer,
        name=name,
        prefix=prefix,
        digest=_digest(secret),
        scopes=" ".join(wanted),
        session_id=session_id,
        stream_id=stream,
        request_id=request_id,
        created_at=now_us(),
        expires_at=expires_at,
    )
    return _kept(row), secret


def lookup(secret: str) -> Bearer | None:
    """Who bears this secret; None if nobody may. At most a second old, and never older than a revocation here.

    One query asks for it and for all others that were used in the last second: many keys in use don't cost one each.
    """
    digest = _digest(secret)
    known = _remembered.get(digest)
    if known is not None:
        return known
    prefix = _prefix(secret)
    if not prefix:
        return None
    generation, wanted = _remembered.to_look_up(digest, prefix)
    found = _bearers(wanted)  # without those whom nobody bears: anybody could fill the memory with them
    _remembered.put(found, generation)
    return found.get(digest)


def generation() -> int:
    """A number that changes whenever a key is revoked in this process: what was learned before it may be wrong."""
    return _remembered.generation


def verify(secret: str) -> KeyInfo | None:
    """What the secret's key may do; None if it is unknown, revoked, expired, or its user is blocked."""
    bearer = lookup(secret)
    return bearer.info if bearer else None


def revoke(key: ApiKey) -> None:
    """The key is worth nothing from now on: here at once, in other processes within a second."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=0).update(revoked_at=now_us())
    _remembered.clear()


def keys_of(user: User) -> list[ApiKey]:
    """A user's keys that are not revoked, oldest first."""
    return list(ApiKey.objects.filter(user=user, revoked_at=0).order_by("pk"))


def key_of(user: User, key_id: int) -> ApiKey:
    """One of `user`'s keys; anybody's for a superuser. Raises DomainError `not_found`."""
    rows = ApiKey.objects.filter(pk=key_id, revoked_at=0)
    row = (rows if user.is_superuser else rows.filter(user=user)).first()
    if row is None:
        raise DomainError("not_found", "There is no such key.")
    return row


def forget() -> None:
    """Look everything up again. For tests that empty the tables."""
    _remembered.clear()


def _checked(name: str, scopes: Sequence[str], expires_at: int) -> list[str]:
    if not name.strip() or len(name) > 80:
        raise DomainError("invalid_key", "A key needs a name of 1 to 80 characters.", field="name")
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise DomainError("invalid_key", f"scopes is a list of some of {', '.join(SCOPES)}.", field="scopes")
    if expires_at and expires_at <= now_us():
        raise DomainError("invalid_key", "expires_at is in the past.", field="expires_at")
    return [scope for scope in SCOPES if scope in scopes]


def _check_issuer(user: User, issuer: User | None, scopes: Sequence[str]) -> None:
    if issuer is None or issuer.is_superuser:
        return
    if issuer != user:
        raise DomainError("not_superuser", "Only an administrator issues keys for others.", field="user")
    if "feed" in scopes:
        raise DomainError("scope_not_allowed", "Only an administrator gives the scope feed.", field="scopes")
    if "organise" in scopes and not user.is_organiser:
        raise DomainError("scope_not_allowed", "The scope organise is for organisers.", field="scopes")


def _new_secret(issuer: User | None, request_id: str) -> tuple[str, str]:
    """(prefix, secret): random, or for a named request always the same without being kept anywhere."""
    if not request_id or issuer is None:
        prefix, tail = secrets.token_hex(4), secrets.token_urlsafe(32)
        return prefix, f"sm_{prefix}_{tail}"
    asked = f"api-key/{issuer.uid}/{request_id}".encode()
    found = hmac.new(settings.SECRET_KEY.encode(), asked, sha256).hexdigest()
    other = hmac.new(settings.SECRET_KEY.encode(), b"prefix/" + asked, sha256).hexdigest()
    return other[:8], f"sm_{other[:8]}_{found[:43]}"


def _kept(row: ApiKey) -> ApiKey:
    """The row, saved; or the one that the same request made before, marked as `replayed`."""
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        known = ApiKey.objects.filter(digest=row.digest).first()
        if known is None:
            raise  # two random prefixes alike: once in four thousand million
        facts = ("user_id", "name", "scopes", "session_id", "expires_at")
        if any(getattr(known, fact) != getattr(row, fact) for fact in facts):
            detail = "This id was used before for a request with other content."
            raise DomainError("idempotency_conflict", detail) from None
        known.replayed = True
        return known
    return row


def _prefix(secret: str) -> str:
    """The part that finds the row; "" for what is no secret of ours."""
    parts = secret.split("_", 2)
    is_ours = len(parts) == 3 and parts[0] == "sm" and len(parts[1]) == 8 and secret.isascii() and "\0" not in secret
    return parts[1] if is_ours else ""


def _bearers(wanted: Mapping[str, str]) -> dict[str, Bearer]:
    """Who bears the secrets with these digests (digest → prefix), as far as they may."""
    now, found = now_us(), {}
    rows = {row.prefix: row for row in ApiKey.objects.select_related("user").filter(prefix__in={*wanted.values()})}
    for digest, prefix in wanted.items():
        row = rows.get(prefix)
        if row is None or not hmac.compare_digest(row.digest, digest):
            continue
        if row.revoked_at or (row.expires_at and row.expires_at <= now) or not row.user.is_active:
            continue
        if now - row.last_used_at > _MINUTE:
            _note_use(row, now - now % _MINUTE)
        scopes = frozenset(row.scopes.split())
        found[digest] = Bearer(row.user, KeyInfo(row.user.uid, row.user.pk, row.pk, scopes, row.stream_id), prefix)
    return found


def _note_use(row: ApiKey, at: int) -> None:
    """Not worth a request: where nothing can be written, reading goes on."""
    with contextlib.suppress(OperationalError):
        ApiKey.objects.filter(pk=row.pk).update(last_used_at=at)


def _digest(secret: str) -> str:
    return sha256(secret.encode(errors="replace")).hexdigest()
