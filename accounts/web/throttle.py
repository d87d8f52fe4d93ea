"""Wrong passwords per account: after too many, nobody gets in for a while, whatever they type.

Counted in the cache by account and not by address: a class behind one router must not lock itself out.
"""

from hashlib import sha256

from django.core.cache import cache

MOST_FAILURES = 10
WAIT_S = 300


def is_blocked(username: str) -> bool:
    """Whether this account has had too many wrong passwords lately."""
    return int(cache.get(_key(username), 0)) >= MOST_FAILURES


def failed(username: str) -> None:
    """Count one more; the wait begins with the first."""
    if not cache.add(_key(username), 1, WAIT_S):
        cache.incr(_key(username))


def succeeded(username: str) -> None:
    """Forget the failures."""
    cache.delete(_key(username))


def _key(username: str) -> str:
    return f"sign-in:{sha256(username.casefold().encode(errors='replace')).hexdigest()}"
