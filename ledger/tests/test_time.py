"""Time: taken once under the lock, integer microseconds, never backwards."""

from uuid import UUID, uuid4

from common.ids import CLOCK
from ledger.models import Event, Stream
from ledger.runtime import Runtime
from ledger.tests.conftest import MakeRuntime, open_counter
from ledger.tests.counter import ANN, Add, Alarm, CounterRow, Nothing
from ledger.tests.crowd import Dial, gathered
from ledger.tickets import Opens


def times(stream: UUID) -> list[int]:
    return list(Event.objects.filter(stream_id=stream).order_by("seq").values_list("at", flat=True))


def test_a_clock_that_jumps_back_never_takes_events_along(make_runtime: MakeRuntime) -> None:
    clock = Dial(1_000)
    runtime = make_runtime(clock=clock)
    stream = open_counter(runtime)
    for now in (1_500, 700, 1_499, 2_000, -5, 2_001):
        clock.now = now
        runtime.execute(stream, Add(1), ANN)
    assert times(stream) == [1_000, 1_500, 1_500, 1_500, 2_000, 2_000, 2_001]
    assert Stream.objects.get().last_at == 2_001


def test_two_processes_with_clocks_apart_never_go_backwards(make_runtime: MakeRuntime) -> None:
    fast, slow = make_runtime(clock=Dial(9_000)), make_runtime(clock=Dial(1_000))
    stream = open_counter(slow)
    for runtime in (fast, slow, fast, slow):
        runtime.execute(stream, Add(1), ANN)
    assert times(stream) == [1_000, 9_000, 9_000, 9_000, 9_000]


def test_decide_and_evolve_know_the_events_own_time(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(clock=Dial(5_000))
    stream = open_counter(runtime)
    assert runtime.execute(stream, Add(1), ANN).events[0].at == 5_000
    warm = runtime._warm.take(stream)
    assert warm is not None
    assert warm.state.times == times(stream) == [5_000, 5_000]


def test_times_are_integers(runtime: Runtime, stream: UUID) -> None:
    runtime.execute(stream, Add(1), ANN)
    assert all(type(at) is int and at > 1_600_000_000_000_000 for at in times(stream))


def test_a_stream_is_created_at_the_time_of_its_first_event(make_runtime: MakeRuntime) -> None:
    ticks = iter(range(100, 200))
    runtime = make_runtime(clock=lambda: next(ticks))
    stream = open_counter(runtime)
    assert Stream.objects.get().created_at == times(stream)[0]


def test_one_batch_has_one_time(make_runtime: MakeRuntime) -> None:
    ticks = iter(range(100_000))
    runtime = make_runtime(clock=lambda: next(ticks))
    stream = open_counter(runtime)
    before = runtime.counters.batches
    gathered(lambda: [runtime.aexecute(stream, Add(1), ANN) for _ in range(50)])
    assert len(set(times(stream))) == 1 + runtime.counters.batches - before


def test_what_is_due_happens_first_by_the_clock_and_even_where_the_command_is_refused(
    make_runtime: MakeRuntime,
) -> None:
    clock = Dial(1_000)
    runtime = make_runtime(clock=clock)
    stream = open_counter(runtime)
    for at in (3_000, 2_000, 9_000):
        runtime.execute(stream, Alarm(at), ANN)
    clock.now = 2_500
    runtime.execute(stream, Add(-600, "alarm"), ANN)
    clock.now = 4_000
    answers = gathered(lambda: [runtime.aexecute(stream, Add(-5_000, "alarm"), ANN)])
    assert [getattr(answer, "code", "") for answer in answers] == ["too_low"]
    rows = Event.objects.filter(stream_id=stream, seq__gt=4).order_by("seq").values_list("type", "actor", "at")
    assert list(rows) == [
        ("AlarmRang", CLOCK.id, 2_500),
        ("Added", "ann", 2_500),
        ("AlarmRang", CLOCK.id, 4_000),
    ]
    assert CounterRow.objects.get().value == 1_400
    assert runtime.execute(stream, Nothing(), ANN).events == []


def test_an_opening_that_is_refused_takes_no_time(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(clock=Dial(10))
    gathered(lambda: [runtime.aexecute(uuid4(), Add(1), ANN)])
    opened = runtime.open(Opens("counter", "x"), Nothing(), ANN)
    assert Stream.objects.get(id=opened.stream).last_at == 0
