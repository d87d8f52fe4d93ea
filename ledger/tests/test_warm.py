"""Warm states: bounded, caught up from events, started cold from a snapshot or from the first event alike."""

from uuid import UUID

import msgspec
import pytest
from django.db import OperationalError

from ledger import store, warm
from ledger.codec import canonical
from ledger.models import Event, Snapshot
from ledger.runtime import Runtime
from ledger.tests.conftest import MakeRuntime, open_counter
from ledger.tests.counter import ANN, COUNTERS, Add, CounterRow
from ledger.tests.crowd import together
from ledger.tests.statements import noted
from ledger.verify import verify_all


def test_warm_states_are_bounded_and_the_longest_unused_goes_first(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(warm_limit=3)
    streams = [open_counter(runtime) for _ in range(3)]
    runtime.execute(streams[0], Add(1), ANN)
    streams.append(open_counter(runtime))
    assert list(runtime._warm._states) == [streams[2], streams[0], streams[3]]
    cold = runtime.counters.cold_starts
    for stream in (streams[0], streams[2], streams[3]):
        runtime.execute(stream, Add(1), ANN)
    assert runtime.counters.cold_starts == cold
    runtime.execute(streams[1], Add(1), ANN)
    assert runtime.counters.cold_starts == cold + 1
    assert len(runtime._warm._states) == 3


def test_a_warm_stream_is_not_read_again(runtime: Runtime, stream: UUID) -> None:
    with noted() as sent:
        runtime.execute(stream, Add(1), ANN)
    assert not [sql for sql in sent if sql.startswith("SELECT") and '"ledger_event"' in sql]
    assert runtime.counters.cold_starts == 1


def test_a_cold_start_from_a_snapshot_equals_one_from_the_first_event(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(snapshot_every=10)
    stream = open_counter(runtime)
    for number in range(25):
        runtime.execute(stream, Add(number + 1, f"c{number % 3}"), ANN)
    assert sorted(Snapshot.objects.values_list("seq", flat=True)) == [10, 20]
    from_snapshot = warm.load(COUNTERS, stream, upto=26)
    from_events = warm.load(COUNTERS, stream, upto=26, use_snapshot=False)
    kept = runtime._warm.take(stream)
    assert kept is not None
    assert (from_snapshot.snapshot_seq, from_events.snapshot_seq) == (20, 0)
    assert warm.dump(from_snapshot) == warm.dump(from_events) == warm.dump(kept)
    for upto in range(1, 27):
        assert warm.dump(warm.load(COUNTERS, stream, upto=upto)) == warm.dump(
            warm.load(COUNTERS, stream, upto=upto, use_snapshot=False)
        )


def test_a_process_that_starts_cold_reads_only_what_the_snapshot_lacks(make_runtime: MakeRuntime) -> None:
    old, new = make_runtime(snapshot_every=10), make_runtime(snapshot_every=10)
    stream = open_counter(old)
    for _ in range(12):
        old.execute(stream, Add(1), ANN)
    read: list[int] = []
    evolve = COUNTERS.evolve

    def note(state: object, event: object, at: int) -> None:
        read.append(at)
        evolve(state, event, at)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(COUNTERS, "evolve", note)
        assert new.execute(stream, Add(1), ANN).last_seq == 14
    assert len(read) == 3 + 1, "events 11 to 13, and its own"


def test_a_snapshot_of_another_engine_version_is_ignored(runtime: Runtime, stream: UUID) -> None:
    runtime.execute(stream, Add(1), ANN)
    lie = canonical({"name": str(stream), "seq": 2, "values": {"a": 999}, "times": [], "alarms": []})
    store.save_snapshot(stream, 2, COUNTERS.engine_version + 1, lie)
    store.save_snapshot(stream, 1, COUNTERS.engine_version - 1, "not even JSON")
    runtime.forget()
    runtime.execute(stream, Add(1), ANN)
    assert CounterRow.objects.get().value == 2
    assert list(verify_all()) == []


def test_a_snapshot_of_this_engine_version_is_used(runtime: Runtime, stream: UUID) -> None:
    runtime.execute(stream, Add(1), ANN)
    lie = canonical({"name": str(stream), "seq": 2, "values": {"a": 999}, "times": [], "alarms": []})
    store.save_snapshot(stream, 2, COUNTERS.engine_version, lie)
    assert warm.load(COUNTERS, stream, upto=2).state.values == {"a": 999}
    assert warm.load(COUNTERS, stream, upto=1).state.values == {}
    Snapshot.objects.all().delete()


def test_old_snapshots_are_pruned_to_two_whatever_made_them(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(snapshot_every=5)
    stream = open_counter(runtime)
    store.save_snapshot(stream, 1, COUNTERS.engine_version - 1, "old")
    for _ in range(24):
        runtime.execute(stream, Add(1), ANN)
    assert sorted(Snapshot.objects.values_list("seq", flat=True)) == [20, 25]


def test_a_snapshot_that_another_process_has_stored_already_is_no_error(runtime: Runtime, stream: UUID) -> None:
    store.save_snapshot(stream, 1, 1, "first")
    store.save_snapshot(stream, 1, 1, "second")
    assert Snapshot.objects.get().state == "first"
    Snapshot.objects.all().delete()


@pytest.mark.parametrize("error", [OperationalError("disk full"), ValueError("no such JSON"), MemoryError()])
def test_a_snapshot_that_fails_costs_nobody_the_answer(
    make_runtime: MakeRuntime, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    runtime = make_runtime(snapshot_every=2)
    stream = open_counter(runtime)
    monkeypatch.setattr(store, "save_snapshot", fail)
    outcome = runtime.execute(stream, Add(1), ANN, command_id="mine")
    assert (outcome.last_seq, outcome.replayed) == (2, False)
    assert runtime.counters.reruns == 0
    assert runtime.execute(stream, Add(1), ANN).last_seq == 3
    assert runtime.counters.cold_starts == 1


def test_two_runtimes_that_alternate_fold_each_others_events_and_never_reload(make_runtime: MakeRuntime) -> None:
    one, other = make_runtime(), make_runtime()
    stream = open_counter(one)
    for turn in range(15):
        assert one.execute(stream, Add(1), ANN).last_seq == 2 * turn + 2
        assert other.execute(stream, Add(1), ANN).last_seq == 2 * turn + 3
    assert (one.counters.cold_starts, other.counters.cold_starts) == (1, 1)
    states = [runtime._warm.take(stream) for runtime in (one, other)]
    assert [state.seq for state in states if state] == [30, 31]
    assert CounterRow.objects.get().value == 30


def test_runtimes_at_once_on_one_stream_agree_in_the_end(make_runtime: MakeRuntime) -> None:
    runtimes = [make_runtime() for _ in range(3)]
    stream = open_counter(runtimes[0])
    answers = together(12, lambda n: [runtimes[n % 3].execute(stream, Add(1), ANN) for _ in range(15)])
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert CounterRow.objects.get().value == 180
    assert list(Event.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, 182))
    assert [runtime.counters.cold_starts for runtime in runtimes] == [1, 1, 1]
    texts = set()
    for runtime in runtimes:
        runtime.execute(stream, Add(0, "end"), ANN)
    for runtime in runtimes:
        kept = runtime._warm.take(stream)
        assert kept is not None
        kept.fold(store.read_for_fold(stream, kept.seq, 184))
        texts.add(warm.dump(kept))
    assert len(texts) == 1


def test_events_that_are_not_gap_free_are_never_folded(runtime: Runtime, stream: UUID) -> None:
    own = warm.Warm(COUNTERS, stream, COUNTERS.new_state(stream), 0, 0)
    rows = [(1, "Added", 1, '{"amount":1,"name":"a"}', 5), (3, "Added", 1, '{"amount":1,"name":"a"}', 5)]
    with pytest.raises(warm.BrokenLedger, match="event 3 stands where 2 should"):
        own.fold(rows)


def test_a_state_survives_its_own_text(runtime: Runtime, stream: UUID) -> None:
    runtime.execute(stream, Add(5, "ä € 𝄞"), ANN)
    kept = runtime._warm.take(stream)
    assert kept is not None
    text = warm.dump(kept)
    again = COUNTERS.load(stream, text)
    assert canonical(COUNTERS.dump(again)) == text
    assert msgspec.json.decode(text)["values"] == {"ä € 𝄞": 5}
