"""G17: whatever the clock does, a session's phases come once, in order, at their times, and time never runs back.

The clocks of runtime and feeds are ours: they run, stand, repeat or skip seconds, and are set by an hour or a day,
forwards and backwards, as an operator, a daylight-saving bug or a leap second would.
"""

import contextlib
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta, timezone
from uuid import UUID

import pytest

from common.clock import SECOND, to_datetime
from common.errors import DomainError
from ledger import verify
from ledger.models import Event, Stream
from ledger.runtime import runtime
from markets import queries
from markets.handlers import prices, sessions
from markets.models import Order
from markets.tests import floor
from oracle import facade as oracle
from oracle.tests.dial import Dial
from tests.guarantees.sizes import chance, size

CASES = size(5, 100, 500)
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
JUMPS = (0, 1, SECOND, -SECOND, MINUTE, 5 * MINUTE, -5 * MINUTE, HOUR, -HOUR, DAY, -DAY)
ODDS = (5, 5, 20, 10, 30, 20, 10, 3, 5, 1, 3)
PHASES = ("SessionStarted", "SessionClosed", "SessionSettled")
T0 = 1_900_000_000 * SECOND
pytestmark = [pytest.mark.usefixtures("ledger"), pytest.mark.timeout(300 + 10 * CASES)]


@pytest.fixture
def dial(monkeypatch: pytest.MonkeyPatch) -> Dial:
    """The clock of the runtime."""
    found = Dial(T0)
    monkeypatch.setattr(runtime, "clock", found)
    return found


def test_phases_come_once_and_in_order_wherever_the_clock_jumps(dial: Dial, tell: Callable[[str], None]) -> None:
    """As many sessions as asked for, and more until some order has traded and some has expired."""
    seed, dice = chance()
    jumps, happened, cases = list[int](), Counter[str](), 0
    while cases < CASES or not (happened["OrderExpired"] and happened["OrderMatched"]):
        cases += 1
        dial.now = T0 + dice.randrange(DAY)
        t1, t2 = dial.now + 10 * MINUTE, dial.now + 50 * MINUTE
        session = floor.open_session(
            session_id=f"g17-{cases}", start_mode="scheduled", t1=iso(t1, dice), end_mode="timed", t2=iso(t2, dice)
        )
        jumps += live(session, dial, dice)
        happened += judge(session, t1, t2)
    backwards = sum(jump < 0 for jump in jumps)
    orders = f"{happened['OrderPlaced']} orders, {happened['OrderExpired']} of them expired"
    tell(f"{cases} sessions, {len(jumps)} jumps, {backwards} backwards, {orders}, seed {seed}")


def live(session: queries.SessionInfo, dial: Dial, dice: random.Random) -> list[int]:
    """One session to its settlement, and a feed of its own beside it. Answers the jumps, in µs."""
    feed = oracle.create_feed(
        name=session.session_id, mode="sim", instruments=["AAPL"], settings={"tick_ms": 60_000}, clock=dial
    )
    oracle.start_feed(feed.id, clock=dial)
    jumps = list[int]()
    while queries.session_of(session.stream).status != "settled":
        jumps.append(dice.choices(JUMPS, ODDS)[0] if len(jumps) < 40 else HOUR)
        dial.now += jumps[-1]
        for _ in range(3):
            trade(session, dice, dial.now + dice.randrange(1, HOUR))
        tick(session, feed.id, dial)
    published = [it.published_at for it in oracle.ticks_after(feed.id, seq=0)]
    assert published == sorted(published)
    oracle.stop_feed(feed.id)
    return jumps


def iso(moment: int, dice: random.Random) -> str:
    """A moment as a clock on some wall shows it, in summer or in winter."""
    zone = timezone(timedelta(minutes=dice.choice((0, 60, 120, -300, -240, 345))))
    return to_datetime(moment).astimezone(zone).isoformat()


def trade(session: queries.SessionInfo, dice: random.Random, until: int) -> None:
    """An order that lives for a while, where it is allowed."""
    side, price = dice.choice((("sell", 12), ("buy", 9), ("sell", 10), ("buy", 10)))
    with contextlib.suppress(DomainError):
        dated = {"time_in_force": "gtd", "expires_at": iso(until, dice)}
        floor.place(session, dice.choice(("alice", "bob")), side, 1, price, **dated)


def tick(session: queries.SessionInfo, feed: UUID, dial: Dial) -> None:
    """What the clock's tasks do, by this clock."""
    prices.push_prices(session, {"AAPL": 10, "NVDA": 20})
    for stream in queries.due_sessions(dial()):
        sessions.advance_session(stream)
    prices.settle_closed()
    oracle.advance_feed(feed, clock=dial)


def judge(session: queries.SessionInfo, t1: int, t2: int) -> Counter[str]:
    """Each phase once, in order and at its nominal time; nothing trades outside of them. How often what happened."""
    rows = list(Event.objects.filter(stream_id=session.stream).order_by("seq").values_list("seq", "type", "at"))
    kinds = [kind for _, kind, _ in rows]
    assert [seq for seq, _, _ in rows] == list(range(1, len(rows) + 1))
    assert [at for _, _, at in rows] == sorted(at for _, _, at in rows)
    phases = [kind for kind in kinds if kind in PHASES]
    assert phases == list(PHASES)
    trading = [number for number, kind in enumerate(kinds) if kind in {"OrderPlaced", "OrderMatched"}]
    assert all(kinds.index(PHASES[0]) < number < kinds.index(PHASES[1]) for number in trading)
    expired = Order.objects.filter(stream_id=session.stream, status="expired")
    assert kinds.count("OrderExpired") == expired.count()
    after = queries.session_of(session.stream)
    assert (after.t1, after.t2, after.closed_at) == (t1, t2, t2)
    assert list(verify.verify_stream(Stream.objects.get(id=session.stream))) == []
    return Counter(kinds)
