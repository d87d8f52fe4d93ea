"""verify finds every lie: one changed column of one event is enough."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command

from ledger import chain, platform, store
from ledger.models import Command, Event, Snapshot, Stream
from ledger.runtime import Runtime
from ledger.seals import joined
from ledger.tests.conftest import MakeRuntime, open_counter
from ledger.tests.counter import ANN, Add, Alarm, CounterRow, Open
from ledger.tests.crowd import Dial, written_meanwhile
from ledger.tests.meddling import disarmed, sql
from ledger.tickets import Opens

Verify = Callable[..., tuple[int, str]]
LAST = 7


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Verify:
    """Runs manage.py verify; answers its exit status and its findings."""

    def run(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        status = 0
        try:
            call_command("verify", *arguments)
        except SystemExit as left:
            status = int(str(left.code))
        said = capsys.readouterr().err.splitlines(keepends=True)
        return status, "".join(line for line in said if not line.startswith("verify: "))

    return run


@pytest.fixture
def counters(_counter_rows: None) -> None:
    """In place of conftest's: here nothing is true in the end."""


@pytest.fixture
def history(make_runtime: MakeRuntime) -> UUID:
    """A stream of seven events with a snapshot at 4, beside another stream."""
    runtime = make_runtime(snapshot_every=4, clock=Dial(1_000_000))
    stream = open_counter(runtime)
    for number in range(LAST - 2):
        runtime.execute(stream, Add(number + 1, f"c{number % 2}"), ANN)
    runtime.execute(stream, Alarm(9_000_000), ANN)
    runtime.execute(open_counter(runtime), Add(1), ANN)
    assert Snapshot.objects.filter(stream_id=stream).values_list("seq", flat=True).get() == 4
    return stream


CHANGES: dict[str, tuple[str, Any]] = {
    "stream_id": ("%s", uuid4()),
    "seq": ("seq + %s", 1000),
    "type": ("%s", "Opened"),
    "version": ("version + %s", 1),
    "payload": ("%s", '{"amount":77,"name":"c0"}'),
    "actor": ("%s", "eve"),
    "command_id": ("%s", "eve's"),
    "at": ("at + %s", 1),
    "hash": ("%s", "0" * 64),
}


def test_what_is_true_verifies(history: UUID, verify: Verify, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify()[0] == 0
    capsys.readouterr()
    call_command("verify", "--all")
    said = capsys.readouterr().out
    assert f"counter {history}: 7 events, head {Stream.objects.get(id=history).head}" in said
    assert "9 events in 2 streams verified." in said
    assert verify(str(history))[0] == 0


def test_verify_says_the_same_to_programs(history: UUID, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("verify", "--json")
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], said["findings"]) == (True, [])
    head = Stream.objects.get(id=history).head
    assert {"domain": "counter", "name": str(history), "seq": 7, "head": head} in said["streams"]
    with disarmed():
        sql("UPDATE ledger_event SET at = at + 1 WHERE stream_id = %s AND seq = 4", history)
    with pytest.raises(SystemExit):
        call_command("verify", "--json")
    said = json.loads(capsys.readouterr().out)
    assert said["ok"] is False
    assert [finding["seq"] for finding in said["findings"]] == [4]


def test_verify_tells_no_lies_about_a_stream_that_is_being_written(
    runtime: Runtime, stream: UUID, verify: Verify
) -> None:
    with written_meanwhile(runtime, stream) as is_enough:
        while not is_enough():
            assert verify() == (0, "")
            assert verify(str(stream)) == (0, "")


@pytest.mark.parametrize("seq", [1, 4, LAST], ids=["first", "middle", "last"])
@pytest.mark.parametrize("column", CHANGES)
def test_one_changed_column_of_one_event_is_found(history: UUID, verify: Verify, column: str, seq: int) -> None:
    change, value = CHANGES[column]
    if column == "type" and seq == 1:
        value = "Added"
    with disarmed():
        sql(f"UPDATE ledger_event SET {column} = {change} WHERE stream_id = %s AND seq = %s", value, history, seq)
    for arguments in ((), ("--all",), (str(history),)):
        status, said = verify(*arguments)
        assert status == 1
        assert f"{history}), seq {seq}:" in said.replace(f"seq {LAST + 1}:", f"seq {LAST}:")


@pytest.mark.parametrize("seq", [1, 4, LAST])
def test_a_missing_event_is_found(history: UUID, verify: Verify, seq: int) -> None:
    with disarmed():
        sql("DELETE FROM ledger_event WHERE stream_id = %s AND seq = %s", history, seq)
    status, said = verify()
    assert status == 1
    assert f"{history}), seq {seq}:" in said


def test_a_hash_alone_is_told_from_other_columns(history: UUID, verify: Verify) -> None:
    with disarmed():
        sql("UPDATE ledger_event SET hash = %s WHERE stream_id = %s AND seq = 3", "f" * 64, history)
    assert "field hash was changed" in verify()[1]


def test_a_forged_event_at_the_end_is_found(history: UUID, verify: Verify) -> None:
    forge(history, LAST + 1)
    status, said = verify()
    assert status == 1
    assert f"{history}), seq {LAST + 1}:" in said


def forge(stream: UUID, seq: int, payload: str = '{"amount":5,"name":"c0"}') -> str:
    """An event that fits into the chain as the runtime would have written it; answers its hash."""
    head = Event.objects.filter(stream_id=stream, seq=seq - 1).values_list("hash", flat=True).first()
    columns = (seq, "Added", 1, payload, "ann", "forged", 1_000_000)
    digest = chain.link(head or chain.GENESIS, stream, *columns)
    Event.objects.create(
        stream_id=stream,
        **dict(zip(("seq", "type", "version", "payload", "actor", "command_id", "at"), columns, strict=True)),
        hash=digest,
    )
    return digest


def rechain(stream: UUID, first: int) -> str:
    """What a forger with time does: recompute every hash from `first` on, and the stream's head."""
    head = Event.objects.filter(stream_id=stream, seq=first - 1).values_list("hash", flat=True).first()
    head = head or chain.GENESIS
    for seq, *columns, _ in list(store.read_raw(stream)):
        if seq >= first:
            head = chain.link(head, stream, seq, *columns)
            sql("UPDATE ledger_event SET hash = %s WHERE stream_id = %s AND seq = %s", head, stream, seq)
    sql("UPDATE ledger_stream SET head = %s WHERE id = %s", head, stream)
    return head


@pytest.mark.parametrize(
    "payload", ['{"amount":999,"name":"c0"}', '{"amount":1,"name":7}', "{}", '{"amount":-99,"name":"c0"}']
)
def test_an_event_forged_along_with_every_hash_is_found_by_what_it_leads_to(
    history: UUID, verify: Verify, payload: str
) -> None:
    with disarmed():
        sql("UPDATE ledger_event SET payload = %s WHERE stream_id = %s AND seq = 2", payload, history)
        rechain(history, 2)
    status, said = verify()
    assert status == 1
    assert str(history) in said


def test_a_rewritten_history_with_all_its_rows_is_found_by_an_anchor(history: UUID, verify: Verify) -> None:
    anchor = Stream.objects.get(id=history).head
    assert verify("--anchor", anchor)[0] == 0
    with disarmed():
        sql(
            "UPDATE ledger_event SET payload = %s WHERE stream_id = %s AND seq = 6",
            '{"amount":9,"name":"c0"}',
            history,
        )
        rechain(history, 6)
    sql("UPDATE ledger_tests_counter SET value = value + 4 WHERE stream_id = %s AND name = 'c0'", history)
    assert verify(str(history))[0] == 0, "nothing inside gives it away"
    for arguments in ((str(history), "--anchor", anchor), ("--anchor", anchor)):
        status, said = verify(*arguments)
        assert status == 1
        assert anchor in said


def cut_off(stream: UUID, seq: int) -> None:
    """The events after `seq` never happened, and everything is put right accordingly."""
    with disarmed():
        sql("DELETE FROM ledger_event WHERE stream_id = %s AND seq > %s", stream, seq)
    head = Event.objects.get(stream_id=stream, seq=seq)
    Stream.objects.filter(id=stream).update(seq=seq, head=head.hash, last_at=head.at)


def test_a_cut_off_end_is_found_by_the_answers_it_left(history: UUID, verify: Verify) -> None:
    cut_off(history, 6)
    status, said = verify()
    assert status == 1
    assert f"{history}), seq 7:" in said


def test_a_cut_off_end_that_left_no_trace_is_found_by_an_anchor(history: UUID, verify: Verify) -> None:
    anchor, earlier = Stream.objects.get(id=history).head, Event.objects.get(stream_id=history, seq=5).hash
    cut_off(history, 6)
    Command.objects.filter(stream_id=history, last_seq__gt=6).delete()
    left = Command.objects.filter(stream_id=history).values_list("seal", flat=True)
    Stream.objects.filter(id=history).update(seals=joined(*left))
    assert verify(str(history))[0] == 0
    for arguments in ((str(history), "--anchor", anchor), ("--anchor", anchor)):
        status, said = verify(*arguments)
        assert status == 1
        assert anchor in said
    assert verify(str(history), "--anchor", earlier)[0] == 0, "what was anchored earlier is still there"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", uuid4()),
        ("domain", "platform"),
        ("domain", "nonsense"),
        ("name", "other"),
        ("seq", 6),
        ("seq", 8),
        ("head", "0" * 64),
        ("last_at", 5),
        ("created_at", 5),
        ("deleted_at", 5),
        ("purged_at", 5),
    ],
)
def test_a_changed_column_of_the_stream_is_found(history: UUID, verify: Verify, column: str, value: object) -> None:
    sql(f"UPDATE ledger_stream SET {column} = %s WHERE id = %s", value, history)
    status, said = verify()
    assert status == 1
    assert str(history) in said


def test_a_stream_removed_whole_but_for_its_rows_is_found(history: UUID, verify: Verify) -> None:
    with disarmed():
        sql("DELETE FROM ledger_event WHERE stream_id = %s", history)
    for table in ("ledger_stream", "ledger_command", "ledger_snapshot"):
        sql(f"DELETE FROM {table} WHERE {'id' if table == 'ledger_stream' else 'stream_id'} = %s", history)
    status, said = verify()
    assert status == 1
    assert f"stream {history}: table ledger_tests_counter" in said


@pytest.mark.parametrize("is_deleted", [False, True])
def test_events_removed_under_cover_of_a_purge_are_found(history: UUID, verify: Verify, *, is_deleted: bool) -> None:
    with disarmed():
        sql("DELETE FROM ledger_event WHERE stream_id = %s", history)
    sql("UPDATE ledger_stream SET purged_at = 5, deleted_at = %s WHERE id = %s", 5 if is_deleted else None, history)
    sql("DELETE FROM ledger_tests_counter WHERE stream_id = %s", history)
    status, said = verify()
    assert status == 1
    assert str(history) in said


SNAPSHOTS = {
    "state": "UPDATE ledger_snapshot SET state = '{}' WHERE stream_id = %s",
    "one figure": "UPDATE ledger_snapshot SET state = replace(state, '\"c0\":', '\"c0\":1') WHERE stream_id = %s",
    "seq": "UPDATE ledger_snapshot SET seq = 3 WHERE stream_id = %s",
    "seq before the first": "UPDATE ledger_snapshot SET seq = 0 WHERE stream_id = %s",
    "seq after the last": "UPDATE ledger_snapshot SET seq = 99 WHERE stream_id = %s",
}


@pytest.mark.parametrize("how", SNAPSHOTS)
def test_an_altered_snapshot_is_found(history: UUID, verify: Verify, how: str) -> None:
    assert sql(SNAPSHOTS[how], history) == 1
    status, said = verify()
    assert status == 1
    assert f"{history}), seq" in said
    assert "snapshot" in said


ROWS = {
    "changed": "UPDATE ledger_tests_counter SET value = value + 1 WHERE stream_id = %s AND name = 'c1'",
    "renamed": "UPDATE ledger_tests_counter SET name = 'c2' WHERE stream_id = %s AND name = 'c1'",
    "deleted": "DELETE FROM ledger_tests_counter WHERE stream_id = %s AND name = 'c1'",
    "inserted": "INSERT INTO ledger_tests_counter (stream_id, name, value) VALUES (%s, 'c1x', 0)",
}


@pytest.mark.parametrize("how", ROWS)
def test_a_row_that_no_event_made_or_changed_is_named(history: UUID, verify: Verify, how: str) -> None:
    assert sql(ROWS[how], history) == 1
    for arguments in ((), (str(history),)):
        status, said = verify(*arguments)
        assert status == 1
        assert "table ledger_tests_counter, row c1" in said.replace("row c2", "row c1")


def test_a_row_of_no_stream_at_all_is_found(history: UUID, verify: Verify) -> None:
    stranger = uuid4()
    sql("INSERT INTO ledger_tests_counter (stream_id, name, value) VALUES (%s, 'x', 0)", stranger)
    assert verify() == (
        1,
        f"stream {stranger}: table ledger_tests_counter has rows of it, but there is no such stream\n",
    )


def test_a_name_means_the_live_stream_though_a_deleted_one_had_it(
    runtime: Runtime, verify: Verify, capsys: pytest.CaptureFixture[str]
) -> None:
    old = runtime.open(Opens("counter", "x"), Open("x"), ANN).stream
    platform.delete_stream(old, ANN, name="x", reason="")
    live = runtime.open(Opens("counter", "x"), Open("x"), ANN).stream
    assert verify("x")[0] == 0
    with disarmed():
        sql("UPDATE ledger_event SET actor = 'eve' WHERE stream_id = %s", live)
    status, said = verify("x")
    assert status == 1
    assert str(live) in said


def test_every_stream_that_lies_is_named_once(history: UUID, verify: Verify) -> None:
    with disarmed():
        sql("UPDATE ledger_event SET actor = 'eve' WHERE seq >= 2")
    status, said = verify()
    assert (status, said.count("stream "), said.count("seq 2")) == (1, 2, 2)


def test_an_old_event_of_a_type_unknown_today_is_found(history: UUID, verify: Verify) -> None:
    with disarmed():
        sql("UPDATE ledger_event SET type = 'Stolen' WHERE stream_id = %s AND seq = 7", history)
        rechain(history, 7)
    status, said = verify()
    assert status == 1
    assert f"{history}), seq 7: it cannot be read: unknown event type 'Stolen'" in said


def test_time_that_runs_backwards_is_found(history: UUID, verify: Verify) -> None:
    with disarmed():
        sql("UPDATE ledger_event SET at = 5 WHERE stream_id = %s AND seq = 3", history)
        rechain(history, 3)
    assert f"{history}), seq 3: field at lies before" in verify()[1]


def test_a_broken_invariant_is_found_though_all_else_agrees(runtime: Runtime, verify: Verify) -> None:
    stream = uuid4()
    runtime.execute_on(stream, Opens("counter", str(stream)), Open(str(stream)), ANN)
    runtime.execute(stream, Add(5), ANN)
    with disarmed():
        sql("UPDATE ledger_event SET payload = %s WHERE seq = 2", '{"amount":-5,"name":"a"}')
        rechain(stream, 2)
    CounterRow.objects.update(value=-5)
    assert "invariant: a is negative" in verify()[1]
