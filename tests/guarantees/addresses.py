"""Every address there is, from the resolver itself, and one of each thing to fill their gaps with."""

import re
from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

from ledger.models import Stream
from markets.api.tests.conftest import SESSION, Caller
from tests.guarantees import events

_EVENTS = ("predictions", "api/v1/predictions", "admin/predictions")
_ELSEWHERE = "admin/django_celery_beat"
"""Another's, with tests of its own."""


def addresses() -> list[str]:
    """Routes as Django writes them; catch-alls, which only ever say 404, apart."""
    return [route for route in _routes(get_resolver().url_patterns, "") if not route.startswith(_ELSEWHERE)]


def _routes(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[str]:
    for entry in patterns:
        route = f"{before}{entry.pattern}"
        if isinstance(entry, URLResolver):
            yield from _routes(entry.url_patterns, route)
        elif not re.search(r"[\^$]", route):
            yield route


def filled(route: str, ids: dict[str, str]) -> str:
    """The address of one thing; a gap that nobody knows is a KeyError: add it to `world`."""
    known = of_events(ids) if is_of_events(route) else ids
    return "/" + re.sub(r"<(?:[a-z_]+:)?([a-z_]+)>", lambda gap: known[gap[1]], route)


def is_of_events(route: str) -> bool:
    """Whether event markets are there."""
    return route.startswith(_EVENTS)


def of_events(ids: dict[str, str]) -> dict[str, str]:
    """The ids that belong to event markets, which have gaps by the same names."""
    return {name.removeprefix("events."): value for name, value in ids.items() if name.startswith("events.")}


def world(organiser: Caller, alice: Caller, bob: Caller, *, session: str = "demo", size: int = 1) -> dict[str, str]:
    """A session with `size` of everything, all alice's but the quotes; the ids of one of each."""
    organiser.post(
        "sessions", {**SESSION, "session_id": session, "q": [1000 * size] * 4, "cash_per_participant": 100_000}
    )
    for caller, name in ((alice, "alice"), (bob, "bob")):
        assert caller.post(f"sessions/{session}/participants", {"participant_id": name}).status_code == 201
    for number in range(size):
        organiser.post(f"sessions/{session}/participants", {"participant_id": f"extra{number}"})
    organiser.post(f"sessions/{session}/allocations")
    ids = {
        "session_id": session,
        "handle": "alice",
        "asset": "AAPL",
        "stream": str(Stream.objects.get(name=session).id),
    }
    for number in range(size):
        ids |= _one_of_each(organiser, alice, bob, session, number)
    if events.ARE_INSTALLED:
        asked = events.world(organiser, alice, bob, name=session, size=size)
        ids |= {f"events.{name}": value for name, value in asked.items()}
    feed = organiser.get("feeds").json()["results"][-1]
    key = alice.get("keys").json()["results"][0]
    return ids | {
        "feed_id": feed["feed_id"],
        "feed": feed["feed_id"],
        "key_id": str(key["key_id"]),
        "key": str(key["key_id"]),
        "token": "nonsense",
        "code": "nonsense",
        "id": str(alice.user.pk),
        "object_id": str(alice.user.pk),
        "content_type_id": "1",
    }


def _one_of_each(organiser: Caller, alice: Caller, bob: Caller, session: str, number: int) -> dict[str, str]:
    at = f"sessions/{session}"
    organiser.post(f"{at}/announcements", {"text": f"number {number}"})
    organiser.post(f"{at}/prices", {"prices": dict.fromkeys(SESSION["legs"], 10 + number)})
    sold = alice.post(f"{at}/orders", {"asset": "AAPL", "side": "sell", "quantity": 2, "price": 10}).json()
    bob.post(f"{at}/orders", {"asset": "AAPL", "side": "buy", "quantity": 1, "price": 10})
    alice.post(f"{at}/orders", {"asset": "NVDA", "side": "sell", "quantity": 1, "price": 20 + number})
    asked = alice.post(f"{at}/rfq", {"leg_from": "AAPL", "leg_to": "NVDA", "amount_from": 1}).json()
    quoted = bob.post(f"rfq/{asked['rfq_id']}/quote", {"rate": 1}).json()
    trade = alice.get(f"{at}/trades").json()["results"][0]
    return {
        "order_id": sold["order_id"],
        "order": sold["order_id"],
        "rfq_id": asked["rfq_id"],
        "quote_id": quoted["quote_id"],
        "quote": quoted["quote_id"],
        "trade_id": trade["trade_id"],
    }
