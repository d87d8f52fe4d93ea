"""Does the market say the same as the journals? Asked through the public API, and `manage.py verify --json`."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from session_contracts_client import Client

from tests.guarantees.journal import Deed
from tests.guarantees.trader import FAIL, OK

Given = Mapping[str, Decimal]
CASH = "CASH"


def pages(client: Client, path: str, **query: object) -> Iterator[dict[str, Any]]:
    """Every entry of a list."""
    asked: dict[str, object] = {"limit": 500, **query}
    while True:
        page = client.call("GET", path, query=asked)
        yield from page["results"]
        if not page["next"]:
            return
        asked = dict(parse_qsl(urlsplit(page["next"]).query))


def lies(organiser: Client, session: str, deeds: Sequence[Deed], given: Mapping[str, Given]) -> list[str]:
    """Where the session contradicts what clients were told, or itself, each a sentence. `given`: to whom what."""
    events = list(pages(organiser, f"/sessions/{session}/events"))
    orders = list(pages(organiser, f"/sessions/{session}/orders"))
    found = [f"a request was answered {status}" for status in _failures(deeds)]
    found += _gaps(events)
    found += _deeds_untrue(deeds, events, {order["order_id"] for order in orders})
    found += _order_untrue(deeds, events)
    found += _balances_untrue(organiser, session, orders, given)
    return found


def _failures(deeds: Iterable[Deed]) -> set[int]:
    """Statuses that no client should ever see."""
    statuses = {answer["status"] for deed in deeds for answer in deed.answers}
    return {status for status in statuses if status >= 500 and status not in {502, 503, 504}}


def _gaps(events: Sequence[dict[str, Any]]) -> Iterator[str]:
    if [event["seq"] for event in events] != list(range(1, len(events) + 1)):
        yield "the events are not numbered from 1 without gaps"


def _deeds_untrue(deeds: Sequence[Deed], events: Sequence[dict[str, Any]], orders: set[str]) -> Iterator[str]:
    kinds = {"place": "OrderPlaced", "cancel": "OrderCancelled"}
    done = Counter((event["type"], event["command_id"].partition(":")[2]) for event in events if event["command_id"])
    names: dict[str, list[str]] = defaultdict(list)
    for deed in deeds:
        times = done[kinds[deed.verb], deed.name]
        if deed.outcome == OK and times != 1:
            yield f"{deed.verb} {deed.name} was acknowledged and is there {times} times"
        if deed.outcome == FAIL and times:
            yield f"{deed.verb} {deed.name} was refused ({deed.story}) and is there {times} times"
        if times > 1 and deed.outcome not in {OK, FAIL}:
            yield f"{deed.verb} {deed.name} is there {times} times"
        if len(deed.orders) > 1:
            yield f"{deed.verb} {deed.name} was answered with several orders: {sorted(deed.orders)}"
        if not deed.orders <= orders:
            yield f"{deed.verb} {deed.name} was answered with an order that is not there"
        for order in deed.orders if deed.verb == "place" else ():
            names[order].append(deed.name)
    for order, several in names.items():
        if len(several) > 1:
            yield f"order {order} was answered to {several}"
    known = {deed.name for deed in deeds if deed.verb == "place"}
    strangers = [name for kind, name in done if kind == "OrderPlaced" and name not in known]
    yield from (f"the order {name} was never asked for" for name in strangers)


def _order_untrue(deeds: Iterable[Deed], events: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What was asked for after something else had been answered has the later seq."""
    seqs = {event["command_id"].partition(":")[2]: event["seq"] for event in reversed(events) if event["command_id"]}
    plain = [deed for deed in deeds if deed.outcome == OK and deed.attempts == 1 and deed.name in seqs]
    moments = sorted(
        [(deed.began, False, deed.name) for deed in plain] + [(deed.ended, True, deed.name) for deed in plain]
    )
    newest, of = 0, ""
    for _, is_end, name in moments:
        if is_end and seqs[name] > newest:
            newest, of = seqs[name], name
        if not is_end and seqs[name] < newest:
            yield f"{name} began after {of} had ended, and has seq {seqs[name]} before {newest}"


def _balances_untrue(
    organiser: Client, session: str, orders: Sequence[dict[str, Any]], given: Mapping[str, Given]
) -> Iterator[str]:
    """What everybody must have, told from what they were given, all trades and all open orders."""
    totals = {who: defaultdict(Decimal, shares) for who, shares in given.items()}
    for trade in pages(organiser, f"/sessions/{session}/trades"):
        if trade.get("busted"):
            continue
        a, b = totals[trade["participant_a"]], totals[trade["participant_b"]]
        out, back = Decimal(trade["amount_from"]), Decimal(trade["amount_to"])
        a[trade["leg_from"]] -= out
        b[trade["leg_from"]] += out
        a[trade["leg_to"]] += back
        b[trade["leg_to"]] -= back
    reserved = _reserved(orders)
    for who, shares in totals.items():
        held = organiser.call("GET", f"/sessions/{session}/portfolio", query={"participant_id": who})["holdings"]
        for asset, total in shares.items():
            has, bound = Decimal(held[asset]["total"]), Decimal(held[asset]["reserved"])
            if has != total:
                yield f"{who} has {has} {asset}; their trades make it {total}"
            if bound != reserved[who, asset]:
                yield f"{who} has {bound} {asset} reserved; their orders make it {reserved[who, asset]}"
            if not 0 <= bound <= has:
                yield f"{who} has {has} {asset}, of which {bound} reserved"


def _reserved(orders: Iterable[dict[str, Any]]) -> dict[tuple[str, str], Decimal]:
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for order in orders:
        if order["status"] not in {"open", "partially_filled"}:
            continue
        left = Decimal(order["remaining_quantity"])
        is_sale = order["side"] == "sell"
        asset = order["asset"] if is_sale else order["quote_asset"]
        found[order["participant_id"], asset] += left if is_sale else left * Decimal(order["price"])
    return found
