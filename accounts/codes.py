"""One-time codes: an organiser hands them out, a participant signs in with one, once and in time.

Only accounts that were made up for a participant of the organiser's session can be given one: a code for anybody else
would be a way into other people's accounts.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.facade import uid_made_up
from accounts.models import JoinCode, User
from common.clock import SECOND, now_us
from common.errors import DomainError

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Without signs that look like others."""
_LENGTH = 10
LONGEST_HOURS = 72


@dataclass(frozen=True, slots=True)
class CodeRow:
    """A code as lists show it. Times in µs; `used_at` 0: not yet."""

    username: str
    user: str
    created_at: int
    expires_at: int
    used_at: int


@dataclass(frozen=True, slots=True)
class Redeemed:
    """Whom a code signs in, and the session it leads to."""

    user: User
    session_id: str


def may_have_code(uid: str, handle: str, *, session_id: str, organiser: str) -> bool:
    """Whether this is the account that was made up for `handle` in this organiser's session."""
    return uid == uid_made_up(organiser, session_id, handle)


def issue(
    uids: Mapping[str, str], *, session_id: str, stream: UUID, organiser: str, issuer: User, hours: int
) -> list[tuple[str, str]]:
    """(handle, code) for each {handle: uid}; all of them or none. Earlier unused codes of theirs are worth nothing.

    `organiser` is the session's, by uid. Raises DomainError `code_not_allowed`, `unknown_user`, `invalid_code`.
    """
    if not 1 <= hours <= LONGEST_HOURS:
        raise DomainError("invalid_code", f"A code is good for 1 to {LONGEST_HOURS} hours.", field="hours")
    own = [handle for handle, uid in uids.items() if not _is_made_up(uid, handle, session_id, organiser)]
    if own:
        detail = f"{', '.join(own)}: people with an account of their own sign in with their password."
        raise DomainError("code_not_allowed", detail, field="participants")
    users = {user.uid: user for user in User.objects.filter(uid__in=uids.values())}
    if lost := [handle for handle, uid in uids.items() if uid not in users]:
        raise DomainError("unknown_user", f"{', '.join(lost)} has no account (any more).", field="participants")
    now = now_us()
    made = {handle: _new_code() for handle in uids}
    rows = [
        JoinCode(
            user=users[uid],
            issued_by=issuer,
            session_id=session_id,
            stream_id=stream,
            digest=_digest(made[handle]),
            created_at=now,
            expires_at=now + hours * 3600 * SECOND,
        )
        for handle, uid in uids.items()
    ]
    with transaction.atomic():
        JoinCode.objects.filter(user__in=users.values(), used_at=0).delete()
        JoinCode.objects.bulk_create(rows)
    return list(made.items())


def redeem(code: str) -> Redeemed:
    """Use a code up. Raises DomainError `invalid_code`: unknown, used, too old, or not for such an account.

    Who knows a code is told what became of it; who guesses learns nothing that would help to guess another.
    """
    row = JoinCode.objects.select_related("user").filter(digest=_digest(code)).first()
    if row is None or not _is_ordinary(row.user):
        raise _refused(
            "There is no such code, or a newer slip took its place. Compare them, or ask your organiser for one."
        )
    now, used = now_us(), "This code was used already: each opens the door once. Ask your organiser for a new one."
    if row.used_at:
        raise _refused(used)
    if row.expires_at <= now:
        raise _refused("This code is too old. Ask your organiser for a new one.")
    if not JoinCode.objects.filter(pk=row.pk, used_at=0).update(used_at=now):
        raise _refused(used)  # somebody else was quicker
    return Redeemed(row.user, row.session_id)


def _refused(detail: str) -> DomainError:
    return DomainError("invalid_code", detail, field="code")


def codes_of(stream: UUID) -> list[CodeRow]:
    """The codes of a session, oldest first."""
    rows = JoinCode.objects.filter(stream_id=stream).select_related("user").order_by("pk")
    return [CodeRow(row.user.username, row.user.uid, row.created_at, row.expires_at, row.used_at) for row in rows]


def _is_made_up(uid: str, handle: str, session_id: str, organiser: str) -> bool:
    return may_have_code(uid, handle, session_id=session_id, organiser=organiser)


def _is_ordinary(user: User) -> bool:
    return user.is_active and not (user.is_staff or user.is_superuser or user.is_organiser)


def _new_code() -> str:
    signs = "".join(secrets.choice(ALPHABET) for _ in range(_LENGTH))
    return f"{signs[:5]}-{signs[5:]}"


def _digest(code: str) -> str:
    """Keyed, so that a copy of the table alone does not let anybody try codes out; small letters and blanks count."""
    plain = "".join(sign for sign in code.upper() if sign in ALPHABET)
    return hmac.new(settings.SECRET_KEY.encode(), f"join-code/{plain}".encode(), sha256).hexdigest()
