"""The same ledger gives the same state, bit for bit: in another process, on another database, next year."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from common.errors import DomainError
from ledger import store, verify
from ledger.codec import canonical
from ledger.models import Stream
from ledger.runtime import runtime
from ledger.tickets import Opens
from ledger.warm import dump, load
from markets.domain import SESSIONS
from markets.tests import program
from oracle.tests.dial import Dial
from tests.guarantees.sizes import chance, size

# Of `program.play()`, the same on SQLite and PostgreSQL. They change when an event's shape or its meaning does, and
# then ENGINE_VERSION should have been raised; the failing test shows the new ones.
STATE = "57920200a6a1d2247bc69ea4dd7e399a6c0f9bd3368562ae245678c5c8c4bde4"
HEAD = "66def25055b7abece5ee666479cc5deb9c48e8e67a5c2df9b5d9f373a3262780"
COMMANDS, HASH_SEEDS = size(1_000, 10_000, 100_000), size(3, 10, 10)


@pytest.fixture
def golden(ledger: None, monkeypatch: pytest.MonkeyPatch) -> Stream:
    """The fixed run, in the ledger."""
    return spoken(program.play().said, monkeypatch)


def spoken(said: list[program.Said], monkeypatch: pytest.MonkeyPatch) -> Stream:
    """A run, said to the runtime command by command at its own times."""
    dial = Dial()
    monkeypatch.setattr(runtime, "clock", dial)
    dial.now = said[0].now
    opens = Opens("session", "golden")
    stream = runtime.open(opens, said[0].command, said[0].actor, command_id="golden").stream
    for number, (now, command, actor) in enumerate(said[1:]):
        dial.now = now
        try:
            runtime.execute(stream, command, actor, command_id=f"golden-{number}")
        except DomainError:
            continue
    return Stream.objects.get(id=stream)


def test_the_fixed_run_ends_in_the_same_state_on_every_database(golden: Stream) -> None:
    run = program.play()
    folded = verify.fold(golden)
    assert dump(folded.warm) == program.text_of(run.state)
    assert golden.seq == len(run.events)
    assert program.hash_of(dump(folded.warm)) == STATE
    assert golden.head == HEAD


def test_a_cold_start_from_a_snapshot_comes_to_the_same_state_and_goes_on_the_same(golden: Stream) -> None:
    for seq in (10, golden.seq // 2, golden.seq - 1):
        early = load(SESSIONS, golden.id, upto=seq, use_snapshot=False)
        store.save_snapshot(golden.id, seq, SESSIONS.engine_version, dump(early))
        late = load(SESSIONS, golden.id, upto=golden.seq)
        assert late.snapshot_seq == seq
        assert program.hash_of(dump(late)) == program.hash_of(program.text_of(program.play().state))
    assert list(verify.verify_stream(golden)) == []


def pythons() -> list[str]:
    """This Python, and whichever other versions on the path can read events (they have msgspec)."""
    found = [shutil.which(f"python3.{minor}") for minor in range(11, 20) if minor != sys.version_info.minor]
    reading = [
        name
        for name in found
        if name and not subprocess.run([name, "-c", "import msgspec"], check=False, capture_output=True).returncode
    ]
    return [sys.executable, *reading]


@pytest.mark.timeout(3600)  # the long runs, on a busy machine
def test_a_long_run_is_the_same_in_the_database_with_any_hash_seed_and_in_any_python(
    ledger: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seed, _ = chance()
    print(f"{COMMANDS} commands, seed {seed}, {pythons()}")  # noqa: T201  pytest shows it when the test fails
    run = program.play(seed, COMMANDS)
    stream = spoken(run.said, monkeypatch)
    state = program.text_of(run.state)
    assert dump(verify.fold(stream).warm) == state
    assert list(verify.verify_stream(stream)) == []
    file = tmp_path / "events.jsonl"
    file.write_text(program.lines_of(list(store.read_for_fold(stream.id, 0))))
    expected = f"{program.hash_of(state)} {program.hash_of(canonical(run.events))}\n"
    for python in pythons():
        for hash_seed in range(HASH_SEEDS):
            answer = subprocess.run(
                [python, "-m", "markets.tests.program", str(file), str(seed), str(COMMANDS)],
                env=os.environ | {"PYTHONHASHSEED": str(hash_seed)},
                cwd=Path(__file__).resolve().parents[2],
                capture_output=True,
                text=True,
                check=True,
            )
            assert answer.stdout == expected, f"{python}, PYTHONHASHSEED={hash_seed}, seed {seed}"


def test_the_fixed_run_has_something_of_everything() -> None:
    run = program.play()
    kinds = Counter(type(event).__name__ for _, event in run.events)
    often = ("OrderPlaced", "OrderMatched", "OrderCancelled", "OrderExpired", "OrderReplaced", "RFQRequested")
    assert all(kinds[kind] > 10 for kind in often), kinds
    assert all(kinds[kind] for kind in ("TradeExecuted", "QuoteProvided", "RFQExpired", "SettlementCorrected")), kinds
    assert len(run.said) - 300 < len(run.events)
    assert program.text_of(program.play(8).state) != program.text_of(run.state)
