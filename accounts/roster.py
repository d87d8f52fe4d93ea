"""For organisers: names ↔ opaque ids, and the API keys of a session's participants."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import keys
from accounts.models import ApiKey, User
from common.errors import DomainError


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key that is good for one session. Times in µs, 0: never."""

    key_id: int
    username: str
    name: str
    prefix: str
    scopes: str
    created_at: int
    last_used_at: int
    issued_by: str


def uids_of(names: Iterable[str]) -> dict[str, str]:
    """{sign-in name: uid} of those among the names that there are."""
    return dict(User.objects.filter(username__in=set(names)).values_list("username", "uid"))


def names_of(uids: Iterable[str]) -> dict[str, str]:
    """{uid: sign-in name} of those among the ids that are a person's or a bot's, and still there."""
    return dict(User.objects.filter(uid__in=set(uids)).values_list("uid", "username"))


def usernames(limit: int = 500) -> list[str]:
    """Who may be admitted to a session: active users' sign-in names, in order."""
    return list(User.objects.filter(is_active=True).order_by("username").values_list("username", flat=True)[:limit])


def issue_keys(
    uids: Mapping[str, str], *, name: str, scopes: Sequence[str], session_id: str, issuer: User
) -> list[tuple[str, str]]:
    """(handle, secret) of a new key for this session for each {handle: uid}; all of them or none. The caller has made
    sure that `issuer` runs the session.

    Raises DomainError as `keys.issue`, and `unknown_user`.
    """
    users = {user.uid: user for user in User.objects.filter(uid__in=uids.values())}
    lost = [handle for handle, uid in uids.items() if uid not in users]
    if lost:
        raise DomainError("unknown_user", f"{', '.join(lost)} has no account (any more).", field="participants")
    wanted: dict[str, Any] = {"name": name, "scopes": scopes, "session_id": session_id}
    with transaction.atomic():
        return [
            (handle, keys.issue(users[uid], issuer=issuer, is_organised=True, **wanted)[1])
            for handle, uid in uids.items()
        ]


def session_keys(stream: UUID) -> list[KeyRow]:
    """The keys that are good for this session, oldest first."""
    rows = ApiKey.objects.filter(stream_id=stream, revoked_at=0).select_related("user", "issued_by").order_by("pk")
    return [
        KeyRow(
            row.pk,
            row.user.username,
            row.name,
            row.prefix,
            row.scopes,
            row.created_at,
            row.last_used_at,
            row.issued_by.username if row.issued_by else "",
        )
        for row in rows
    ]


def revoke_key(stream: UUID, key_id: int) -> str:
    """Revoke a key of this session; what it was called. Raises DomainError `not_found`."""
    row = ApiKey.objects.filter(pk=key_id, stream_id=stream, revoked_at=0).first()
    if row is None:
        raise DomainError("not_found", "There is no such key.")
    keys.revoke(row)
    return str(row)
