"""A long history: a session that traded until its ledger has as many events as wanted."""

from benchmarks import session as sessions

_BULK = 1000


def begin(name: str, *, depth: int = 200) -> None:
    """A session that has only just been opened."""
    sessions.open_session(name, depth=depth)


def grow(name: str, events: int) -> None:
    """Trade in bulks until the stream has `events` events, or a few more."""
    session = sessions.session(name)
    while (missing := events - session.workload.state.facts.seq) > 0:
        sessions.send(session.stream, session.workload.take(min(_BULK, missing // 2 + 1)))
