"""How often somebody may try something, held in the database: exact for all processes together, Redis or not.

An allowance is one row, the moment at which all of it is there again; one statement takes from it or refuses.
"""

from hashlib import sha256
from typing import NamedTuple

from django.db import connection

from accounts.models import Allowance
from common.clock import SECOND, now_us
from common.errors import Throttled


class Rule(NamedTuple):
    """`burst` at once, and `per_minute` after that. `what` names it in the refusal."""

    what: str
    burst: int
    per_minute: int

    @property
    def step(self) -> int:
        return 60 * SECOND // self.per_minute


PASSWORDS = Rule("wrong passwords", burst=10, per_minute=2)
"""Of one account, from wherever."""
SIGN_INS = Rule("sign-ins from this address", burst=300, per_minute=300)
"""A class behind one router signs in within a minute."""
REGISTRATIONS = Rule("registrations from this address", burst=120, per_minute=60)
JOIN_CODES = Rule("join codes from this address", burst=120, per_minute=60)
"""A class behind one router joins within a minute, with a slip of the finger or two each."""

_TAKE = """
INSERT INTO accounts_allowance (key, full_at) VALUES (%(key)s, %(now)s + %(step)s)
ON CONFLICT (key) DO UPDATE SET full_at = {owed} + %(step)s
WHERE {owed} + %(step)s <= %(now)s + %(window)s
RETURNING full_at
"""
# What lies further ahead than it ever can was written before a clock was set back.
_OWED = """CASE WHEN accounts_allowance.full_at > %(now)s + 2 * %(window)s OR accounts_allowance.full_at < %(now)s
THEN %(now)s ELSE accounts_allowance.full_at END"""


def take(rule: Rule, who: str) -> None:
    """Take one. Raises Throttled when there is none."""
    key, now = _key(rule, who), now_us()
    window = rule.step * rule.burst
    with connection.cursor() as cursor:
        cursor.execute(_TAKE.format(owed=_OWED), {"key": key, "now": now, "step": rule.step, "window": window})
        if cursor.fetchone():
            return
    full_at = Allowance.objects.filter(key=key).values_list("full_at", flat=True).first() or now
    raise Throttled(rule.what, full_at + rule.step - now - window)


def give_back(rule: Rule, who: str) -> None:
    """Forget what was taken; and rows that say nothing any more."""
    Allowance.objects.filter(key=_key(rule, who)).delete()
    Allowance.objects.filter(full_at__lt=now_us()).delete()


def _key(rule: Rule, who: str) -> str:
    return sha256(f"{rule.what}/{who}".encode(errors="replace")).hexdigest()
