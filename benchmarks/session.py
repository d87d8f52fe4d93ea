"""A workload's session in the database of this process: opened, filled, and known by its name."""

from collections.abc import Sequence
from uuid import UUID

from benchmarks.workload import ORGANISER, Step, Workload
from common.errors import DomainError
from ledger.runtime import Runtime, runtime
from ledger.tickets import Item, Opens, fingerprint
from markets.engine.commands import CreateSession

_BULK = 1000
_sessions: dict[str, "Session"] = {}


class Session:
    """A stream and the workload that feeds it. `in_order` falls once callers raced each other on it."""

    def __init__(self, workload: Workload, stream: UUID) -> None:
        self.workload, self.stream, self.in_order = workload, stream, True
        self.rates: dict[object, float] = {}


def open_session(name: str, *, mix: str = "orders", depth: int = 200, participants: int = 20, seed: int = 1) -> None:
    """Create the session, admit everybody and fill its book, through the runtime."""
    workload = Workload(name=name, mix=mix, depth=depth, participants=participants, seed=seed)
    opening = workload.opening()
    assert isinstance(opening.command, CreateSession)
    outcome = runtime.open(Opens("session", name), opening.command, opening.actor)
    _sessions[name] = Session(workload, outcome.stream)
    steps = workload.seeding()
    for start in range(0, len(steps), _BULK):
        send(outcome.stream, steps[start : start + _BULK])


def join_session(name: str, stream: UUID, *, seed: int, depth: int = 200, participants: int = 20) -> None:
    """Feed a session that another process has opened, with commands of a seed of our own."""
    workload = Workload(name=name, depth=depth, participants=participants, seed=seed)
    workload.opening()
    workload.seeding()
    _sessions[name] = Session(workload, stream)
    _sessions[name].in_order = False


def keep(name: str, session: Session) -> None:
    """Know a session that was made elsewhere."""
    _sessions[name] = session


def race(name: str) -> None:
    """From now on others send to this session too, so nobody knows where it will end."""
    _sessions[name].in_order = False


def session(name: str) -> Session:
    """The session that was opened under this name."""
    return _sessions[name]


def stream_of(name: str) -> UUID:
    """The id of its stream."""
    return _sessions[name].stream


def all_sessions() -> list[Session]:
    """Every session that this process feeds."""
    return list(_sessions.values())


def send(stream: UUID, steps: Sequence[Step], through: Runtime = runtime) -> int:
    """Do the steps in one bulk, as an organiser may for everybody. Answers how many were refused."""
    items = [Item(step.command, "", "", fingerprint(step.command)) for step in steps]
    outcome = through.execute_bulk(stream, items, ORGANISER)
    return sum(isinstance(result, DomainError) for result in outcome.results)
