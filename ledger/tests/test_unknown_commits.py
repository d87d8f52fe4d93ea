"""COMMIT without an answer, and a database that is away: nobody is told wrong, everything happens once."""

import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import UUID

import pytest

from common.errors import DomainError, Unavailable
from ledger.models import Event
from ledger.runtime import Runtime
from ledger.tests.conftest import MakeRuntime, open_counter
from ledger.tests.counter import ANN, Add, CounterRow
from ledger.tests.crowd import gathered, held, together
from ledger.tests.outage import Cut, Flaky
from ledger.tickets import BulkOutcome, Item, Outcome, fingerprint
from ledger.verify import verify_all

CUTS = [
    pytest.param(lambda: Cut(takes_effect=False), id="before it took effect"),
    pytest.param(lambda: Cut(takes_effect=True), id="after it took effect"),
    pytest.param(
        lambda: Cut(takes_effect=False, really=True), id="backend killed before", marks=pytest.mark.postgresql
    ),
    pytest.param(
        lambda: Cut(takes_effect=True, really=True), id="backend killed after", marks=pytest.mark.postgresql
    ),
]
MakeCut = Callable[[], Cut]


@pytest.mark.parametrize("make_cut", CUTS)
def test_a_commit_without_an_answer_happens_once(runtime: Runtime, stream: UUID, make_cut: MakeCut) -> None:
    runtime.before_commit = make_cut()
    outcome = runtime.execute(stream, Add(1), ANN, command_id="one")
    assert (outcome.first_seq, outcome.last_seq, outcome.replayed) == (2, 2, False)
    assert runtime.counters.unknown_commits == 1
    again = runtime.execute(stream, Add(1), ANN, command_id="one")
    assert again == outcome._replace(replayed=True)
    assert CounterRow.objects.get(stream_id=stream).value == 1


@pytest.mark.parametrize("make_cut", CUTS)
def test_a_whole_batch_without_an_answer_happens_once(runtime: Runtime, stream: UUID, make_cut: MakeCut) -> None:
    cut = runtime.before_commit = make_cut()
    ids = [f"command {number}" for number in range(64)]

    def calls() -> list[Awaitable[Outcome]]:
        return [runtime.aexecute(stream, Add(1), ANN, command_id=own) for own in ids]

    first = gathered(calls)
    assert cut.happened.is_set()
    outcomes = [answer for answer in first if isinstance(answer, Outcome)]
    assert sorted(outcome.first_seq for outcome in outcomes) == list(range(2, 66))
    assert not any(outcome.replayed for outcome in outcomes)
    assert CounterRow.objects.get(stream_id=stream).value == 64
    assert gathered(calls) == [outcome._replace(replayed=True) for outcome in outcomes]
    assert Event.objects.filter(stream_id=stream).count() == 65
    assert list(verify_all()) == []


@pytest.mark.parametrize("make_cut", CUTS)
def test_a_bulk_without_an_answer_happens_once(runtime: Runtime, stream: UUID, make_cut: MakeCut) -> None:
    runtime.before_commit = make_cut()
    commands = [Add(1), Add(-5), Add(2)]
    items = [Item(command, "", "", fingerprint(command)) for command in commands]
    answer = runtime.execute_bulk(stream, items, ANN, command_id="bulk")
    assert [type(result) for result in answer.results] == [Outcome, DomainError, Outcome]
    assert not answer.replayed
    again = runtime.execute_bulk(stream, items, ANN, command_id="bulk")
    assert again.replayed
    assert seqs(again) == seqs(answer) == [(2, 2), "too_low", (3, 3)]


def seqs(answer: BulkOutcome) -> list[tuple[int, int] | str]:
    return [
        (result.first_seq, result.last_seq) if isinstance(result, Outcome) else result.code
        for result in answer.results
    ]


@pytest.mark.parametrize("make_cut", CUTS)
def test_a_stream_is_opened_once_whatever_the_commit_says(runtime: Runtime, make_cut: MakeCut) -> None:
    runtime.before_commit = make_cut()
    stream = open_counter(runtime)
    assert Event.objects.filter(stream_id=stream).count() == 1


@pytest.mark.parametrize("make_cut", CUTS)
def test_what_was_a_repeat_before_the_cut_is_told_so_after_it(
    runtime: Runtime, stream: UUID, make_cut: MakeCut
) -> None:
    runtime.execute(stream, Add(1), ANN, command_id="old")
    runtime.before_commit = make_cut()
    ids = ["new", "old", "new"]
    answers = gathered(lambda: [runtime.aexecute(stream, Add(1), ANN, command_id=own) for own in ids])
    assert [answer.replayed for answer in answers if isinstance(answer, Outcome)] == [False, True, True]
    assert CounterRow.objects.get(stream_id=stream).value == 2


@pytest.mark.parametrize("make_cut", CUTS)
def test_another_runtime_may_write_between_the_cut_and_the_answer(
    make_runtime: MakeRuntime, make_cut: MakeCut
) -> None:
    one, other = make_runtime(), make_runtime()
    stream = open_counter(one)
    one.before_commit = make_cut()
    answers = together(2, lambda n: [(one, other)[n].execute(stream, Add(1), ANN) for _ in range(20)])
    assert sorted(o.first_seq for answer in answers for o in answer) == list(range(2, 42))  # type: ignore[union-attr]
    assert one.counters.unknown_commits == 1
    assert CounterRow.objects.get(stream_id=stream).value == 40


@pytest.fixture
def flaky(make_runtime: MakeRuntime) -> Iterator[Flaky]:
    own = Flaky(writers=1, give_up_after=0.3)
    yield own
    own.stop()


def test_a_database_away_for_long_is_unavailable_and_nothing_happened(flaky: Flaky) -> None:
    stream = open_counter(flaky)
    flaky.is_down = True
    with pytest.raises(Unavailable) as told:
        flaky.execute(stream, Add(1), ANN, command_id="mine")
    assert (told.value.code, told.value.command_id) == ("unavailable", "mine")
    flaky.is_down = False
    assert flaky.execute(stream, Add(1), ANN, command_id="mine").replayed is False


def test_a_full_disk_is_told_at_once_and_nothing_happened(flaky: Flaky) -> None:
    stream = open_counter(flaky)
    flaky._give_up_after, flaky.is_down, flaky.is_full = 60, True, True
    began = time.monotonic()
    with pytest.raises(Unavailable, match="disk is full") as told:
        flaky.execute(stream, Add(1), ANN, command_id="mine")
    assert (told.value.code, told.value.command_id) == ("unavailable", "mine")
    assert time.monotonic() - began < 30
    flaky.is_down = False
    assert flaky.execute(stream, Add(1), ANN, command_id="mine").replayed is False


@pytest.mark.parametrize("is_full", [False, True], ids=["away", "full"])
@pytest.mark.parametrize("takes_effect", [False, True])
def test_away_or_full_after_an_unknown_commit_the_outcome_is_unknown(
    flaky: Flaky, *, takes_effect: bool, is_full: bool
) -> None:
    stream = open_counter(flaky)
    flaky.is_full = is_full
    cut = Cut(takes_effect=takes_effect)

    def fall() -> None:
        cut()
        flaky.is_down = True

    flaky.before_commit = fall
    ids = [f"mine {number}" for number in range(8)]
    answers = gathered(lambda: [flaky.aexecute(stream, Add(1), ANN, command_id=own) for own in ids])
    told = [(answer.code, answer.command_id) for answer in answers if isinstance(answer, Unavailable)]
    assert told == [("outcome_unknown", own) for own in ids]
    flaky.before_commit, flaky.is_down = None, False
    answers = gathered(lambda: [flaky.aexecute(stream, Add(1), ANN, command_id=own) for own in ids])
    assert [o.replayed for o in answers if isinstance(o, Outcome)] == [takes_effect] * 8
    assert CounterRow.objects.get(stream_id=stream).value == 8


def test_a_database_away_for_a_moment_costs_only_that_moment(flaky: Flaky) -> None:
    stream = open_counter(flaky)
    flaky._give_up_after, flaky.is_down = 10, True

    def work(number: int) -> Outcome | None:
        if number:
            return flaky.execute(stream, Add(1), ANN)
        time.sleep(0.3)
        flaky.is_down = False
        return None

    assert not [answer for answer in together(9, work) if isinstance(answer, Exception)]
    assert CounterRow.objects.get(stream_id=stream).value == 8


def test_the_ring_and_the_table_agree_after_an_unknown_commit(runtime: Runtime, stream: UUID) -> None:
    runtime.execute(stream, Add(1), ANN)
    runtime.before_commit = Cut(takes_effect=True)
    runtime.execute(stream, Add(1), ANN)
    runtime.execute(stream, Add(1), ANN)
    known = runtime.committed.after(stream, 3)
    assert known is not None
    assert [event.seq for event in known] == [4]
    assert runtime.committed.after(stream, 2) is None, "what committed unheard is in the table alone"


@pytest.mark.postgresql
def test_a_process_that_hangs_with_the_lock_is_waited_for_and_then_loses_it(
    make_runtime: MakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.store._HANGS_AFTER", "4s")
    hung, other = make_runtime(give_up_after=10.0), make_runtime(give_up_after=1.0)
    stream = open_counter(other)
    with ThreadPoolExecutor(1) as pool, held(hung) as gate:
        stuck = pool.submit(hung.execute, stream, Add(1), ANN, command_id="stuck")
        assert gate.reached.wait(10)
        with pytest.raises(Unavailable) as told:
            other.execute(stream, Add(10), ANN, command_id="waits")
        assert told.value.code == "unavailable"
        while other.counters.batches < 2:
            with suppress(Unavailable):
                other.execute(stream, Add(10), ANN, command_id="waits")
        gate.open()
        assert stuck.result(10).replayed is False
    assert sorted(CounterRow.objects.values_list("value", flat=True)) == [11]
