"""A session whose commands come in by the server's doors: who sends them, as which bytes, and what came of it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from accounts import keys
from accounts.facade import User, settle_made_up
from benchmarks import session as sessions
from benchmarks import sockets, wire
from benchmarks.workload import ORGANISER, Step
from common.money import format_units
from ledger.models import Event
from markets.engine import commands as c

_DECIMALS = 4
_keys: dict[str, str] = {}
_acknowledged: dict[str, int] = {}


class Way(NamedTuple):
    """A way in: `what` is nothing, nothing-with-key, order, bulk or socket; so many connections; orders per request,
    or on their way at a time.
    """

    what: str
    connections: int
    batch: int = 1


class Sample(NamedTuple):
    """What one timed run gave. `load_cpu`: the load generator's share of one core."""

    per_second: float
    p50_ms: float
    p99_ms: float
    load_cpu: float
    seconds: float


class WrongAnswer(Exception):
    """The server answered what it should not."""


def open_session(name: str, *, participants: int = 20, depth: int = 200) -> None:
    """The session, its book, and a key for everybody in it. From now on others send to it."""
    sessions.open_session(name, participants=participants, depth=depth)
    sessions.race(name)
    for number in range(sessions.session(name).workload.participants):
        _issue(f"user{number}", name, ("read", "trade"))
    _issue(ORGANISER.id, name, ("read", "trade", "organise"))
    _acknowledged[name] = 0


def _issue(uid: str, session: str, scopes: Sequence[str]) -> None:
    settle_made_up(uid, session, uid)
    _, _keys[uid] = keys.issue(User.objects.get(uid=uid), name="bench", scopes=scopes)


def warm_up(name: str, port: int, way: Way) -> None:
    """Send a little, so that everything is there and it is known how fast this way is."""
    sessions.session(name).rates[way] = _run(name, port, way, max(4 * way.connections, 40)).per_second


def measure(name: str, port: int, way: Way, seconds: float) -> Sample:
    """Send for about `seconds`."""
    rates = sessions.session(name).rates
    sample = _run(name, port, way, max(2 * way.connections, int(rates[way] * seconds / way.batch)))
    rates[way] = sample.per_second
    return sample


def _run(name: str, port: int, way: Way, count: int) -> Sample:
    if way.what == "socket":
        return _by_socket(name, port, way, count * way.batch)
    steps = sessions.session(name).workload.take(count * way.batch)
    requests = _REQUESTS[way.what](name, steps, way.batch)
    answers = wire.exchange(port, requests, way.connections, keep=way.what == "bulk")
    wanted = {"nothing": 200, "nothing-with-key": 200, "bulk": 200, "order": 201}[way.what]
    if answers.statuses != {wanted: len(requests)}:
        raise WrongAnswer(f"{way}: {answers.statuses}; {answers.bodies[:1]}")
    if way.what == "order":
        _acknowledged[name] += count
    if way.what == "bulk":
        refused = sum(body.count(b'"error":{') for body in answers.bodies)
        if refused:
            raise WrongAnswer(f"{way}: {refused} orders were refused")
        _acknowledged[name] += count * way.batch
    return _sample(answers, count * way.batch)


def _by_socket(name: str, port: int, way: Way, count: int) -> Sample:
    """A connection for each participant, or the organiser's where there are fewer, who may for everybody."""
    workload = sessions.session(name).workload
    path = f"/ws/sessions/{name}?feed=none"
    people = [f"user{number}" for number in range(workload.participants)]
    senders = people if way.connections == len(people) else [ORGANISER.id] * way.connections
    lines = [sockets.Line(port, path, _keys[who]) for who in senders]
    commands: list[list[bytes]] = [[] for _ in lines]
    for number, step in enumerate(workload.take(count)):
        body = {"op": "order.new", "id": number, **entry(step.command)}
        commands[int(step.actor.id.removeprefix("user")) % len(lines)].append(sockets.frame(body))
    try:
        answers = sockets.exchange(lines, commands, way.batch)
    finally:
        for line in lines:
            line.socket.close()
    if answers.statuses[0]:
        raise WrongAnswer(f"{way}: {answers.statuses}; {answers.bodies[:1]}")
    _acknowledged[name] += count
    return _sample(answers, count)


def _sample(answers: wire.Answers, count: int) -> Sample:
    took = answers.took
    return Sample(
        count / answers.seconds,
        1e3 * took[len(took) // 2],
        1e3 * took[min(len(took) - 1, len(took) * 99 // 100)],
        answers.cpu / answers.seconds,
        answers.seconds,
    )


def key_of(uid: str) -> str:
    """The secret of somebody's key."""
    return _keys[uid]


def acknowledge(name: str, count: int) -> None:
    """So many more orders were acknowledged to somebody else."""
    _acknowledged[name] += count


def strays(name: str) -> list[str]:
    """Where the ledger and the answers differ: every order acknowledged stands in it, and no other."""
    seeded = sessions.session(name).workload.depth
    placed = Event.objects.filter(stream_id=sessions.stream_of(name), type="OrderPlaced").count() - seeded
    told = _acknowledged[name]
    return [] if placed == told else [f"{name}: {placed} orders in the ledger, {told} acknowledged"]


# Bytes


def entry(command: c.Command) -> dict[str, Any]:
    """An order as the API takes it."""
    assert isinstance(command, c.PlaceOrder)
    return {
        "participant_id": command.participant,
        "asset": command.asset,
        "side": "buy" if command.is_buy else "sell",
        "quantity": format_units(command.quantity, _DECIMALS),
        "price": format_units(command.price, _DECIMALS),
        "time_in_force": command.time_in_force,
    }


def _nothing(name: str, steps: Sequence[Step], batch: int) -> list[bytes]:
    return [wire.post("/api/v1/nothing", entry(step.command)) for step in steps]


def _nothing_with_key(name: str, steps: Sequence[Step], batch: int) -> list[bytes]:
    return [wire.post("/api/v1/nothing-with-key", entry(step.command), key=_keys[step.actor.id]) for step in steps]


def _orders(name: str, steps: Sequence[Step], batch: int) -> list[bytes]:
    path = f"/api/v1/sessions/{name}/orders"
    return [wire.post(path, entry(step.command), key=_keys[step.actor.id]) for step in steps]


def _bulks(name: str, steps: Sequence[Step], batch: int) -> list[bytes]:
    """As the organiser, who may for everybody."""
    path, key = f"/api/v1/sessions/{name}/orders/bulk", _keys[ORGANISER.id]
    return [
        wire.post(path, {"orders": [entry(step.command) for step in steps[first : first + batch]]}, key=key)
        for first in range(0, len(steps), batch)
    ]


_REQUESTS = {"nothing": _nothing, "nothing-with-key": _nothing_with_key, "order": _orders, "bulk": _bulks}
