"""manage.py replay and export: looking at the past, writing the rows anew, taking the events along."""

import gzip
import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, cast
from uuid import UUID, uuid4

import msgspec
import pytest
from django.core.management import CommandError, call_command

from ledger import chain, registry, warm
from ledger.models import Event, Snapshot, Stream
from ledger.runtime import Runtime
from ledger.tests.conftest import MakeRuntime, open_counter
from ledger.tests.counter import ANN, BOB, COUNTERS, Add, CounterRow
from ledger.tests.crowd import written_meanwhile
from ledger.tests.meddling import sql

Say = Callable[..., str]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs a command; answers what it wrote to stdout."""

    def run(*arguments: str) -> str:
        capsys.readouterr()
        call_command(*arguments)
        return capsys.readouterr().out

    return run


@pytest.fixture
def history(make_runtime: MakeRuntime) -> UUID:
    """A stream of twelve events, with snapshots."""
    runtime = make_runtime(snapshot_every=4)
    stream = open_counter(runtime)
    for number in range(11):
        runtime.execute(stream, Add(number + 1, f"c{number % 3}"), ANN if number % 2 else BOB)
    assert Snapshot.objects.count() == 2
    return stream


# replay


def test_replay_says_that_all_is_equal_and_names_state_and_head(history: UUID, say: Say) -> None:
    said, row = say("replay", str(history)), Stream.objects.get()
    state = warm.dump(warm.load(COUNTERS, history, upto=12, use_snapshot=False))
    digest = sha256(state.encode()).hexdigest()
    assert said == f"12 events folded to 3 rows, all equal. State {digest}, head {row.head}.\n"


@pytest.mark.parametrize("seq", [0, 1, 4, 5, 9, 12])
def test_replay_to_seq_shows_the_state_as_it_was(history: UUID, say: Say, seq: int) -> None:
    expected = COUNTERS.new_state(history)
    for row in Event.objects.filter(seq__lte=seq).order_by("seq"):
        COUNTERS.evolve(expected, COUNTERS.events.decode(row.type, row.version, row.payload), row.at)
    assert json.loads(say("replay", str(history), "--to-seq", str(seq))) == msgspec.to_builtins(
        COUNTERS.dump(expected)
    )


@pytest.mark.parametrize("seq", ["-1", "13"])
def test_replay_to_a_seq_that_is_not_there_is_refused_with_a_sentence(history: UUID, seq: str) -> None:
    with pytest.raises(CommandError, match="has events 1 to 12"):
        call_command("replay", str(history), "--to-seq", seq)


def spoil() -> None:
    CounterRow.objects.filter(name="c0").update(value=-7)
    CounterRow.objects.filter(name="c1").delete()
    sql("INSERT INTO ledger_tests_counter (stream_id, name, value) SELECT id, 'c9', 1 FROM ledger_stream")


def test_replay_names_every_row_that_differs_and_exits_1(history: UUID, capsys: pytest.CaptureFixture[str]) -> None:
    spoil()
    with pytest.raises(SystemExit) as left:
        call_command("replay", str(history))
    said = capsys.readouterr().err
    assert left.value.code == 1
    for text in ("row c0: value is -7, the events say 22", "row c1: it is missing", "row c9: no event made it"):
        assert text in said
    assert "3 rows differ" in said
    call_command("replay", str(history), "--rebuild")


def test_replay_rebuild_writes_the_rows_anew(history: UUID, say: Say) -> None:
    before = sorted(CounterRow.objects.values_list("stream_id", "name", "value"))
    other = uuid4()
    CounterRow.objects.create(stream_id=other, name="c0", value=1)
    spoil()
    said = say("replay", str(history), "--rebuild")
    assert "3 rows written anew." in said
    assert "all equal" in said
    rows = CounterRow.objects.exclude(stream_id=other)
    assert sorted(rows.values_list("stream_id", "name", "value")) == before
    assert CounterRow.objects.filter(stream_id=other).exists(), "other streams' rows are left alone"


def test_replay_of_a_broken_ledger_says_so_and_rebuilds_nothing(history: UUID) -> None:
    Stream.objects.update(deleted_at=None)
    lie = Snapshot.objects.get(seq=8)
    Snapshot.objects.filter(seq=8).update(state="{}")
    CounterRow.objects.filter(name="c0").update(value=1)
    with pytest.raises(CommandError, match="The ledger itself is broken"):
        call_command("replay", str(history), "--rebuild")
    assert CounterRow.objects.get(name="c0").value == 1
    Snapshot.objects.filter(seq=8).update(state=lie.state)
    call_command("replay", str(history), "--rebuild")


def test_replay_tells_no_lies_about_a_stream_that_is_being_written(runtime: Runtime, stream: UUID, say: Say) -> None:
    with written_meanwhile(runtime, stream) as is_enough:
        while not is_enough():
            assert "all equal" in say("replay", str(stream))


@pytest.mark.parametrize("command", [("replay", "nobody"), ("export", "nobody", "file"), ("verify", "nobody")])
def test_an_unknown_session_is_a_sentence(counters: None, command: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="There is no session 'nobody'"):
        call_command(*command)


# export


def read(path: Path) -> Iterator[dict[str, Any]]:
    with cast(IO[str], gzip.open(path, "rt")) if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


@pytest.mark.parametrize("name", ["events.jsonl", "events.jsonl.gz"])
def test_an_export_is_enough_to_recompute_the_chain_and_the_state(
    history: UUID, say: Say, tmp_path: Path, name: str
) -> None:
    file, row = tmp_path / name, Stream.objects.get()
    assert say("export", str(history), str(file)) == f"12 events written to {file}. Head {row.head}.\n"
    header, *events = read(file)
    assert (header["format"], header["seq"], header["head"]) == ("session-contracts/bundle/1", 12, row.head)
    assert (header["domain"], header["name"], header["engine_version"]) == ("counter", str(history), 1)
    head, state, domain = chain.GENESIS, COUNTERS.new_state(history), registry.get(header["domain"])
    for event in events:
        digest = event.pop("hash")
        head = chain.link(head, UUID(header["stream"]), *event.values())
        assert head == digest
        domain.evolve(state, domain.events.decode(event["type"], event["version"], event["payload"]), event["at"])
    assert head == header["head"]
    assert {name: state.values[name] for name in state.values} == dict(
        CounterRow.objects.values_list("name", "value")
    )
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_an_export_keeps_any_text(runtime: Runtime, stream: UUID, say: Say, tmp_path: Path) -> None:
    name = 'ä"\\\n€ 𝄞'
    runtime.execute(stream, Add(1, name), ANN)
    say("export", str(stream), str(tmp_path / "file"))
    *_, last = read(tmp_path / "file")
    assert json.loads(last["payload"]) == {"amount": 1, "name": name}


def test_an_export_that_cannot_be_written_is_a_sentence(history: UUID, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export", str(history), str(tmp_path / "no" / "folder"))
