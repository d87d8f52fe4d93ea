"""The committed ring: gap-free, immutable, and honest about where it begins."""

import threading
from uuid import UUID, uuid4

import pytest

from ledger import runtime as module
from ledger.domain import Committed
from ledger.ring import CommittedRing
from ledger.runtime import Runtime
from ledger.tests.conftest import MakeRuntime, open_counter
from ledger.tests.counter import ANN, Add, Added

STREAM = uuid4()


def events(first: int, last: int, stream: UUID = STREAM) -> list[Committed]:
    return [
        Committed(stream, seq, "Added", 1, "{}", "ann", "", 0, "", Added(1, "a")) for seq in range(first, last + 1)
    ]


def seqs(ring: CommittedRing, after: int, stream: UUID = STREAM) -> list[int] | None:
    known = ring.after(stream, after)
    return None if known is None else [event.seq for event in known]


def test_an_empty_ring_knows_nothing() -> None:
    assert seqs(CommittedRing(), 0) is None


def test_it_answers_what_came_after_a_seq() -> None:
    ring = CommittedRing()
    ring.append(STREAM, events(1, 3))
    ring.append(STREAM, events(4, 4))
    assert [seqs(ring, after) for after in range(6)] == [[1, 2, 3, 4], [2, 3, 4], [3, 4], [4], [], []]


def test_it_answers_none_where_it_does_not_reach_back() -> None:
    ring = CommittedRing(size=3)
    for seq in range(1, 8):
        ring.append(STREAM, events(seq, seq))
    assert [seqs(ring, after) for after in range(8)] == [None] * 4 + [[5, 6, 7], [6, 7], [7], []]


def test_a_batch_larger_than_the_ring_leaves_its_end() -> None:
    ring = CommittedRing(size=3)
    ring.append(STREAM, events(1, 10))
    assert (seqs(ring, 6), seqs(ring, 7)) == (None, [8, 9, 10])


def test_what_another_process_wrote_in_between_starts_it_afresh() -> None:
    ring = CommittedRing()
    ring.append(STREAM, events(1, 3))
    ring.append(STREAM, events(6, 7))
    assert [seqs(ring, after) for after in (0, 3, 4, 5, 6)] == [None, None, None, [6, 7], [7]]


def test_streams_are_bounded_and_the_longest_silent_goes_first() -> None:
    ring, streams = CommittedRing(streams=2), [uuid4() for _ in range(3)]
    for stream in (streams[0], streams[1], streams[0], streams[2]):
        last = (seqs(ring, 0, stream) or [0])[-1]
        ring.append(stream, events(last + 1, last + 1, stream))
    assert [seqs(ring, 0, stream) for stream in streams] == [[1, 2], None, [1]]


def test_what_was_answered_never_changes() -> None:
    ring = CommittedRing()
    ring.append(STREAM, events(1, 2))
    known = ring.after(STREAM, 0)
    assert known is not None
    ring.append(STREAM, events(3, 3))
    assert [event.seq for event in known] == [1, 2]
    known.clear()
    assert seqs(ring, 0) == [1, 2, 3]
    with pytest.raises(AttributeError):
        events(1, 1)[0].seq = 5  # type: ignore[misc]


def test_a_reader_beside_a_writer_never_sees_a_gap() -> None:
    ring, is_begun, gaps = CommittedRing(size=50), threading.Event(), list[object]()

    def read() -> None:
        cursor = 0
        while cursor < 3_000 and not gaps:
            known = seqs(ring, cursor)
            if known is None:  # not yet begun, or overtaken: a reader would ask the table
                cursor += is_begun.is_set()
            elif known:
                if known != list(range(cursor + 1, known[-1] + 1)):
                    gaps.append((cursor, known))
                cursor = known[-1]

    reader = threading.Thread(target=read)
    reader.start()
    for seq in range(1, 3_001, 3):
        ring.append(STREAM, events(seq, seq + 2))
        is_begun.set()
    reader.join(20)
    assert not reader.is_alive()
    assert gaps == []


def test_the_ring_has_each_batch_once_it_is_committed(make_runtime: MakeRuntime) -> None:
    one, other = make_runtime(), make_runtime()
    stream = open_counter(one)
    one.execute(stream, Add(1), ANN)
    assert seqs(one.committed, 0, stream) == [1, 2]
    other.execute(stream, Add(1), ANN)
    assert seqs(one.committed, 0, stream) == [1, 2], "it knows of nothing newer"
    one.execute(stream, Add(1), ANN)
    assert seqs(one.committed, 0, stream) is None
    assert seqs(one.committed, 3, stream) == [4]
    assert seqs(other.committed, 2, stream) == [3]


def test_committed_events_come_from_the_ring_or_from_the_table_alike(
    runtime: Runtime, stream: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "runtime", runtime)
    for _ in range(3):
        runtime.execute(stream, Add(1), ANN)
    from_ring = module.committed_events(stream, 0)
    runtime.forget()
    from_table = module.committed_events(stream, 0)
    assert from_ring == from_table
    assert [event.seq for event in from_table] == [1, 2, 3, 4]
    assert [event.seq for event in module.committed_events(stream, 1, upto=3)] == [2, 3]
    assert module.committed_events(stream, 4) == []
    assert module.committed_events(uuid4(), 0) == []
