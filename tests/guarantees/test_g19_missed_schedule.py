"""G19: what fell due while no scheduler ran is caught up when one starts: once, in order, at its nominal time."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from common.clock import SECOND, isoformat, now_us
from ledger.models import Event
from markets.handlers import prices
from markets.models import MarketSession
from tests.guarantees.sizes import size
from tests.live.floor import LEG, Session, open_session, serving, start
from tests.stack.floor import eventually

SESSIONS, AHEAD_S = size(4, 40, 200), 5
pytestmark = [pytest.mark.usefixtures("ledger"), pytest.mark.timeout(240 + 5 * SESSIONS)]


def test_three_phases_that_nobody_scheduled_come_once_in_order_and_at_their_times(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    start(tmp_path / "killed").stop(signal.SIGKILL)
    sleeping = [unborn(number) for number in range(0, SESSIONS, 2)]
    trading = [alive(number) for number in range(1, SESSIONS, 2)]
    time.sleep(AHEAD_S + 1.5)
    assert statuses(sleeping) == {"created"}
    assert statuses(trading) == {"active"}
    with serving(tmp_path / "started"):
        took = eventually(lambda: statuses(sleeping + trading) == {"settled"}, within=20 + SESSIONS)
        time.sleep(1.5)  # two more turns of every job
    for session in sleeping:
        closing = [("SessionClosed", session.info.t2), ("SessionSettled", 0)]
        assert phases(session) == [("SessionStarted", session.info.t1), *closing]
    for session in trading:
        closing = [("SessionClosed", session.info.t2), ("SessionSettled", 0)]
        assert phases(session)[1:] == [("OrderExpired", 0), *closing]
    tell(f"{SESSIONS} sessions slept through three phases each, {took:.1f} s until all were settled")


def soon(seconds: float) -> str:
    return isoformat(now_us() + int(seconds * SECOND))


def unborn(number: int) -> Session:
    """A session that is to start, close and settle."""
    times = {"t1": soon(AHEAD_S), "t2": soon(AHEAD_S + 1)}
    return priced(open_session("alice", session_id=f"g19-{number}", start_mode="scheduled", **times))


def alive(number: int) -> Session:
    """A session with an order that is to expire, and then to close and settle."""
    session = priced(open_session("alice", session_id=f"g19-{number}", t2=soon(AHEAD_S + 1)))
    session.place("alice", side="sell", quantity=1, price=100, time_in_force="gtd", expires_at=soon(AHEAD_S - 1))
    return session


def priced(session: Session) -> Session:
    prices.push_prices(session.info, {LEG: "200", "NVDA": "500"})
    return session


def statuses(sessions: list[Session]) -> set[str]:
    streams = [session.stream for session in sessions]
    return set(MarketSession.objects.filter(stream_id__in=streams).values_list("status", flat=True))


def phases(session: Session) -> list[tuple[str, int]]:
    """(event, the nominal time that it tells, 0 for none) of what time alone made happen, in order."""
    told = {"SessionStarted": "t1", "OrderExpired": "", "SessionClosed": "t2", "SessionSettled": ""}
    rows = Event.objects.filter(stream_id=session.stream, type__in=told).order_by("seq")
    return [(row.type, json.loads(row.payload).get(told[row.type], 0)) for row in rows]
