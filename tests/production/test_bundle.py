"""A session as a bundle: whole for a stranger, checked without a database, and no lie in it passes."""

import gzip
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from pytest_django.plugin import DjangoDbBlocker

from common.errors import DomainError
from common.ids import OPERATOR
from ledger import bundle, chain, platform
from ledger.models import Command as CommandRow
from ledger.models import Event, Snapshot, Stream
from ledger.runtime import runtime
from ledger.tests.meddling import rows, sql
from ledger.verify import verify_all
from markets import queries, tasks
from markets.domain import SESSIONS
from markets.engine import commands as c
from markets.handlers import participants, prices, sessions
from markets.queries import SessionInfo
from markets.tests.floor import OLIVIA, open_session, place, swap, user
from tests.production.test_settings import manage

pytestmark = pytest.mark.django_db  # only the export meets it
Line = dict[str, Any]


def settled_session() -> SessionInfo:
    """A session with a simulated feed, from its creation to its settlement."""
    session = open_session(cash_per_participant="1000")
    prices.start_source(session, mode="sim", settings={"seed": 77, "start": {"AAPL": "5", "NVDA": "7"}})
    for number in range(6):
        place(session, "alice", "sell", 1, 5 + number)
    place(session, "bob", "buy", 2, 6)
    swap(session, "alice", "bob", 3, "0.5")
    prices.settle_session(session.stream, OLIVIA, prices={"AAPL": 5, "NVDA": 7})
    return session


@pytest.fixture(scope="module")
def exported(django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: Any) -> bytes:
    """That session as a bundle; the database is empty again."""
    target: Path = tmp_path_factory.mktemp("bundle") / "demo.jsonl.gz"
    with django_db_blocker.unblock():
        settled_session()
        call_command("export", "demo", str(target))
        runtime.stop()
        call_command("flush", verbosity=0, interactive=False)
    return target.read_bytes()


@pytest.fixture
def file(exported: bytes, tmp_path: Path) -> Path:
    """The bundle, to be spoiled."""
    target = tmp_path / "demo.jsonl.gz"
    target.write_bytes(exported)
    return target


def read(file: Path) -> list[Line]:
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


def write(file: Path, lines: list[Line]) -> None:
    file.write_bytes(gzip.compress("".join(f"{json.dumps(line)}\n" for line in lines).encode(), 1))


def rechained(lines: list[Line]) -> list[Line]:
    """What a forger with time does: every hash anew, and the header's head."""
    header, *events = lines
    head, stream = chain.GENESIS, UUID(header["stream"])
    for event in events:
        event["hash"] = head = chain.link(head, stream, *[event[name] for name in event if name != "hash"])
    return [header | {"head": head}, *events]


def verdict(file: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """What verify says of a lying file; it exits 1."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        call_command("verify", str(file), *more)
    assert left.value.code == 1
    return "".join(
        line for line in capsys.readouterr().err.splitlines(keepends=True) if not line.startswith("verify")
    )


def test_a_bundle_says_who_made_it_and_from_which_randomness(file: Path) -> None:
    header, *events = read(file)
    assert header["format"] == "session-contracts/bundle/1"
    assert header["software"] == "0.1.0"
    assert header["sources"]["feed"]["mode"] == "sim"
    assert header["sources"]["feed"]["settings"]["seed"] == 77
    assert (header["seq"], header["head"]) == (len(events), events[-1]["hash"])


def test_a_bundle_is_verified_without_any_database(file: Path, tmp_path: Path) -> None:
    nowhere = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    run = manage(tmp_path, "verify", str(file), **nowhere)
    assert run.returncode == 0, run.stderr
    head = read(file)[0]["head"]
    assert f"head {head}" in run.stdout


def test_a_bundle_that_was_cut_off_with_care_is_found_by_an_anchor(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = read(file)
    anchor = lines[0]["head"]
    call_command("verify", str(file), "--anchor", anchor)
    cut = lines[:-1]
    cut[0] |= {"seq": len(cut) - 1, "head": cut[-1]["hash"]}
    write(file, cut)
    call_command("verify", str(file))
    assert anchor in verdict(file, capsys, "--anchor", anchor)


LIES: dict[str, tuple[Callable[[list[Line]], Any], str]] = {
    "an event changed": (lambda lines: lines[5].update(actor="eve"), "seq 5: its columns don't match its hash"),
    "an event's payload": (lambda lines: lines[5].update(payload="{}"), "seq 5: its columns don't match its hash"),
    "a hash": (lambda lines: lines[5].update(hash="0" * 64), "seq 5: field hash was changed"),
    "an event lacking": (lambda lines: lines.pop(5), "seq 5: this event is missing; the next one is 6"),
    "an event twice": (lambda lines: lines.insert(5, lines[5]), "seq 6: this event is missing; the next one is 5"),
    "two events swapped": (lambda lines: lines.insert(5, lines.pop(6)), "seq 5: this event is missing"),
    "the end cut off": (lambda lines: lines.pop(), "the events end at"),
    "no event at all": (lambda lines: lines.__delitem__(slice(1, None)), "seq 1: the events end at 0"),
    "the header's head": (lambda lines: lines[0].update(head="0" * 64), "field head of the header"),
    "the header's seq": (lambda lines: lines[0].update(seq=7), "seq 8: the events end at"),
    "the header's name": (lambda lines: lines[0].update(name="other"), "seq 1: field name of the header"),
    "the header's stream": (lambda lines: lines[0].update(stream="0" * 32), "seq 1: its columns don't match"),
}


@pytest.mark.parametrize("what", LIES)
def test_the_first_lie_of_a_bundle_is_named(file: Path, capsys: pytest.CaptureFixture[str], what: str) -> None:
    change, sentence = LIES[what]
    lines = read(file)
    change(lines)
    write(file, lines)
    assert sentence in verdict(file, capsys)


def settled(lines: list[Line]) -> Line:
    return next(line for line in lines[1:] if line["type"] == "SessionSettled")


def robbed(lines: list[Line]) -> None:
    """bob's payout goes to alice; it all adds up."""
    line = settled(lines)
    event = json.loads(line["payload"])
    event["payouts"]["alice"] += event["payouts"]["bob"]
    event["payouts"]["bob"] = 0
    line["payload"] = json.dumps(event, separators=(",", ":"), sort_keys=True)


def renamed(**terms: object) -> Callable[[list[Line]], None]:
    """The session's terms are other ones, from its creation on."""

    def change(lines: list[Line]) -> None:
        event = json.loads(lines[1]["payload"]) | terms
        lines[1]["payload"] = json.dumps(event, separators=(",", ":"), sort_keys=True)
        lines[0]["name"] = event["session_id"]

    return change


def everywhere(old: str, new: str) -> Callable[[list[Line]], None]:
    def change(lines: list[Line]) -> None:
        for line in lines[1:]:
            line["payload"] = line["payload"].replace(json.dumps(old), json.dumps(new))

    return change


FORGERIES: dict[str, tuple[Callable[[list[Line]], Any], str]] = {
    "payouts": (robbed, "alice is paid "),
    "unknown type": (lambda lines: lines[4].update(type="Stolen"), "seq 4: it cannot be read: unknown event type"),
    "unknown version": (lambda lines: lines[4].update(version=9), "seq 4: it cannot be read"),
    "unknown field": (lambda lines: lines[4].update(payload='{"x":1}'), "seq 4: it cannot be read"),
    "not a number": (lambda lines: lines[4].update(payload='{"at":NaN}'), "seq 4: it cannot be read"),
    "deep": (lambda lines: lines[4].update(payload="[" * 100_000), "seq 4: "),
    "time backwards": (lambda lines: lines[5].update(at=5), "seq 5: field at lies before"),
    **{
        f"a session called {name}": (renamed(session_id=name), f"the session cannot be called {name!r}")
        for name in ("../../etc/passwd", "a/b", "..", "<b>", " lead")
    },
    "a participant called /": (everywhere("alice", "../alice"), "a participant cannot be called '../alice'"),
    "a leg called <b>": (everywhere("AAPL", "<b>"), "a leg cannot be called '<b>'"),
    "a reserved handle": (everywhere("alice", "Cash"), "a participant cannot be called 'Cash'"),
    "sixty decimals": (renamed(price_decimals=60), "there are no 60 decimals"),
    "an end beyond all calendars": (renamed(t2=1 << 60), "seq 1: it cannot be read"),
    "an order for more than there is": (
        lambda lines: lines[-3].update(payload=lines[-3]["payload"].replace("1", "9")),
        "",
    ),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forged_history_with_all_its_hashes_is_found_by_what_it_leads_to(
    file: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    change, sentence = FORGERIES[what]
    lines = read(file)
    change(lines)
    write(file, rechained(lines))
    assert sentence in verdict(file, capsys)


def test_any_changed_character_is_found(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of an event: what the header says of its makers is for people, and nobody can check it."""
    chance, whole = random.Random(3), gzip.decompress(file.read_bytes())
    start = whole.index(b"\n") + 1
    for _ in range(60):
        at = chance.randrange(start, len(whole))
        changed = bytes([whole[at] ^ (1 << chance.randrange(7))])
        file.write_bytes(whole[:at] + changed + whole[at + 1 :])
        with pytest.raises((SystemExit, CommandError)):
            call_command("verify", str(file))


def spoil(file: Path, how: str) -> None:
    packed, lines = file.read_bytes(), read(file)
    text = {
        "empty": b"",
        "empty gzip": gzip.compress(b""),
        "cut off": packed[: len(packed) // 2],
        "flipped": packed[:-8] + bytes([packed[-8] ^ 255]) + packed[-7:],
        "picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9,
        "bomb": gzip.compress(b" " * 40_000_000, 1),
        "bomb after the header": gzip.compress(json.dumps(lines[0]).encode() + b"\n" + b'"' + b"x" * 20_000_000, 1),
        "csv": b"seq,type\n1,SessionCreated\n",
        "invalid utf-8": json.dumps(lines[0]).encode() + b'\n{"seq":1,"type":"\xff\xfe"}\n',
        "lone surrogate": json.dumps(lines[0]).encode() + b"\n" + json.dumps(lines[1] | {"actor": "\ud800"}).encode(),
        "deep header": b"[" * 500_000,
        "deep sources": json.dumps(lines[0]).replace('"sources": {', '"sources": {"a":' + "[" * 99_999).encode(),
        "nan": b'{"format": NaN}\n',
    }
    changes: dict[str, tuple[int, Line]] = {
        "another format": (0, {"format": "session-contracts/bundle/2"}),
        "unknown domain": (0, {"domain": "casino"}),
        "negative seq": (1, {"seq": -1}),
        "seq beyond 64 bits": (1, {"seq": 10**30}),
        "time beyond 64 bits": (1, {"at": 1 << 63}),
        "time beyond all calendars": (-1, {"at": 1 << 60}),
        "a name that moves the cursor": (0, {"name": "demo\x1b[2J"}),
        "a long version": (0, {"software": "9" * 65}),
        "seq as a text": (1, {"seq": "1"}),
        "seq with a fraction": (1, {"seq": 1.5}),
        "field more": (1, {"more": 1}),
        "long actor": (1, {"actor": "x" * 65}),
        "no hash": (1, {"hash": "zz"}),
        "stream is no uuid": (0, {"stream": "demo"}),
    }
    if how in text:
        file.write_bytes(text[how])
    else:
        at, change = changes[how]
        lines[at] |= change
        write(file, lines)


SPOILED = {
    "empty": "line 1 is no header",
    "empty gzip": "line 1 is no header",
    "cut off": "the compressed file is damaged or cut off",
    "flipped": "the compressed file is damaged or cut off",
    "picture": "line 1 is no header",
    "bomb": "line 1 is longer than",
    "bomb after the header": "line 2 is longer than",
    "csv": "line 1 is no header",
    "invalid utf-8": "line 2 is no event",
    "lone surrogate": "line 2 is no event",
    "deep header": "line 1 is no header",
    "deep sources": "line 1 is no header",
    "nan": "line 1 is no header",
    "another format": "line 1: the format is 'session-contracts/bundle/2'; this software reads",
    "unknown domain": "line 1: this software knows no domain 'casino'",
    "negative seq": "line 2 is no event: Expected `int` >= 0",
    "seq beyond 64 bits": "line 2 is no event",
    "time beyond 64 bits": "line 2 is no event",
    "time beyond all calendars": "is no event: Expected `int` <= 253402300799999999",
    "a name that moves the cursor": "line 1 is no header",
    "a long version": "line 1 is no header",
    "seq as a text": "line 2 is no event",
    "seq with a fraction": "line 2 is no event",
    "field more": "line 2 is no event: .* unknown field `more`",
    "long actor": "line 2 is no event",
    "no hash": "line 2 is no event",
    "stream is no uuid": "line 1 is no header",
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_hostile_file_is_a_sentence(file: Path, how: str) -> None:
    spoil(file, how)
    with pytest.raises(CommandError, match=SPOILED[how]):
        call_command("verify", str(file))


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    for name in (tmp_path / "nothing.jsonl", tmp_path):
        with pytest.raises(CommandError, match="it cannot be read: "):
            call_command("verify", f"{name}/" if name == tmp_path else str(name))


def test_a_plain_file_reads_like_a_compressed_one(file: Path, tmp_path: Path) -> None:
    plain = tmp_path / "demo.jsonl"
    plain.write_bytes(gzip.decompress(file.read_bytes()))
    call_command("verify", str(plain))
    assert bundle.open_bundle(plain).header == bundle.open_bundle(file).header


# import


def imported(file: Path) -> SessionInfo:
    call_command("import", str(file))
    return queries.session("demo")


def state_of_the_database() -> list[tuple[str, int]]:
    """How many rows each table of the ledger and of sessions has."""
    tables = [table.model for table in SESSIONS.tables] + [Event, Stream, CommandRow, Snapshot]
    return [(model.__name__, model._default_manager.count()) for model in tables]


def test_an_imported_session_is_the_same_history_and_verifies(
    ledger: None, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, (header, *events) = imported(file), read(file)
    assert (session.is_imported, session.status, session.organiser) == (True, "settled", OLIVIA.id)
    assert queries.head(session.stream) == (header["seq"], header["head"])
    assert queries.settlement(session.stream) is not None
    assert queries.participants(session.stream) == ["alice", "bob"]
    call_command("verify")
    assert f"session demo: {len(events)} events, head {header['head']}" in capsys.readouterr().out
    call_command("replay", "demo")
    call_command("export", "demo", str(tmp_path / "again.jsonl.gz"))
    assert read(tmp_path / "again.jsonl.gz")[1:] == events


def test_nobody_can_do_anything_in_it(ledger: None, file: Path) -> None:
    session = imported(file)
    before = state_of_the_database()
    for act in (
        lambda: place(session, "alice", "sell", 1, 5),
        lambda: sessions.start_session(session.stream, OPERATOR),
        lambda: sessions.advance_session(session.stream),
        lambda: prices.settle_session(session.stream, OLIVIA, prices={"AAPL": 5, "NVDA": 7}),
        lambda: prices.push_prices(session, {"AAPL": "5", "NVDA": "7"}),
        lambda: prices.start_source(session, mode="sim"),
        lambda: participants.join_session(session.stream, c.JoinSession(participant="eve", user="eve"), user("eve")),
    ):
        with pytest.raises(DomainError) as refused:
            act()
        assert refused.value.code == "imported", act
    assert state_of_the_database() == before


def test_a_session_that_was_open_when_it_left_stays_as_it_was(ledger: None, tmp_path: Path) -> None:
    """Its t2 passes, its orders expire, and the clock leaves it alone."""
    session = open_session(end_mode="timed", duration_minutes=1)
    place(session, "alice", "sell", 1, 5)
    file = tmp_path / "demo.jsonl.gz"
    call_command("export", "demo", str(file))
    empty_database()
    session = imported(file)
    assert session.status == "active"
    assert session.t2 > 0
    assert queries.due_sessions(session.t2 + 1) == []
    tasks.advance_sessions()
    tasks.settle_closed()
    assert queries.session("demo").status == "active"


def empty_database() -> None:
    runtime.stop()
    call_command("flush", verbosity=0, interactive=False)


def test_importing_twice_is_refused(ledger: None, file: Path) -> None:
    imported(file)
    before = state_of_the_database()
    with pytest.raises(CommandError, match=r"Nothing was imported. The session demo has been imported already\."):
        call_command("import", str(file))
    assert state_of_the_database() == before
    sessions.delete_session("demo", OPERATOR)
    with pytest.raises(CommandError, match="was deleted here, and stays so"):
        call_command("import", str(file))
    assert list(verify_all()) == []


def test_a_name_that_is_taken_is_refused(ledger: None, file: Path) -> None:
    open_session()
    before = state_of_the_database()
    with pytest.raises(CommandError, match="There is another session named demo here"):
        call_command("import", str(file))
    assert state_of_the_database() == before


def test_our_own_session_is_not_imported(ledger: None, tmp_path: Path) -> None:
    open_session()
    call_command("export", "demo", str(tmp_path / "demo.jsonl"))
    with pytest.raises(CommandError, match="is this installation's own"):
        call_command("import", str(tmp_path / "demo.jsonl"))


@pytest.mark.parametrize("how", [*SPOILED, *LIES])
def test_a_hostile_file_leaves_nothing_behind(ledger: None, file: Path, how: str) -> None:
    if how in SPOILED:
        spoil(file, how)
    else:
        lines = read(file)
        LIES[how][0](lines)
        write(file, lines)
    with pytest.raises(CommandError):
        call_command("import", str(file))
    assert state_of_the_database() == EMPTY


EMPTY = [(table.model.__name__, 0) for table in SESSIONS.tables] + [
    (name, 0) for name in ("Event", "Stream", "Command", "Snapshot")
]


def longer_names(lines: list[Line]) -> None:
    """A handle that no door would have let in: all hashes are right, and the database has no room for it."""
    for line in lines[1:]:
        line["payload"] = line["payload"].replace('"alice"', f'"{"a" * 40}"').replace('"bob"', f'"{"b" * (1 << 12)}"')


def huge_amounts(lines: list[Line]) -> None:
    line = next(line for line in lines if line.get("type") == "OrderPlaced")
    line["payload"] = re.sub(r'"expires_at":\d+', f'"expires_at":{10**30}', line["payload"])


TOO_MUCH = [huge_amounts, longer_names] if connection.vendor == "postgresql" else [huge_amounts]
"""SQLite has room for names of any length."""


@pytest.mark.parametrize("change", TOO_MUCH)
def test_what_the_database_does_not_take_leaves_nothing_behind(
    ledger: None, file: Path, change: Callable[[list[Line]], None]
) -> None:
    lines = read(file)
    change(lines)
    write(file, rechained(lines))
    with pytest.raises((CommandError, SystemExit)):
        call_command("import", str(file))
    assert state_of_the_database() == EMPTY


def test_the_ledgers_own_stream_is_not_imported(ledger: None, tmp_path: Path) -> None:
    platform.record_act("keys issued", OPERATOR)
    call_command("export", "platform", str(tmp_path / "platform.jsonl"))
    empty_database()
    with pytest.raises(CommandError, match="A stream of the domain platform cannot be imported"):
        call_command("import", str(tmp_path / "platform.jsonl"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("imported_at = 5", "field imported_at says 5"),
        ("imported_at = NULL", "field imported_at says None"),
        ("seq = seq - 1", "when it was imported"),
    ],
)
def test_verify_knows_what_was_imported(ledger: None, file: Path, change: str, sentence: str) -> None:
    session = imported(file)
    (at,) = rows("SELECT imported_at, seq FROM ledger_stream WHERE id = %s", session.stream)
    sql(f"UPDATE ledger_stream SET {change} WHERE id = %s", session.stream)
    assert sentence in "\n".join(map(str, verify_all()))
    sql("UPDATE ledger_stream SET imported_at = %s, seq = %s WHERE id = %s", *at, session.stream)
    assert list(verify_all()) == []


def test_pages_and_console_say_that_it_was_imported(ledger: None, file: Path) -> None:
    console = f"/admin/markets/marketsession/{imported(file).stream}"
    model: Any = get_user_model()
    client = Client()
    client.force_login(model.objects.create_superuser("root", password="root"))
    for page in (
        "/",
        "/sessions/demo",
        "/sessions/demo/settlement",
        "/sessions/demo/ledger",
        "/sessions/demo/portfolio",
        "/admin/markets/marketsession/",
        f"{console}/",
        f"{console}/people/",
        f"{console}/events/",
        f"{console}/control/",
    ):
        answer = client.get(page)
        assert answer.status_code == 200, page
        assert "⇩ imported" in answer.content.decode(), page
    assert "Halt" not in client.get(f"{console}/").content.decode()
    assert "Announce …" not in client.get(f"{console}/control/").content.decode()
    ours = model.objects.create_user("alice", password="alice")
    client.force_login(ours)
    assert client.get("/sessions/demo/portfolio").status_code == 404, "a name is no membership"


def test_the_api_says_what_was_imported_and_what_was_not(ledger: None, file: Path) -> None:
    imported(file)
    open_session(session_id="ours")
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root", password="root"))
    listed = {one["session_id"]: one["imported"] for one in client.get("/api/v1/sessions").json()["results"]}
    assert listed == {"demo": True, "ours": False}
    assert client.get("/api/v1/sessions/demo").json()["imported"] is True
    assert client.get("/api/v1/sessions/ours").json()["imported"] is False


def test_whoever_took_part_finds_it_where_their_id_is_known(ledger: None, file: Path) -> None:
    """A restored or moved installation: people have the same opaque ids."""
    imported(file)
    model: Any = get_user_model()
    alice = model.objects.create_user("anybody", password="x")
    model.objects.filter(id=alice.id).update(uid="user-alice")
    client = Client()
    client.force_login(model.objects.get(id=alice.id))
    assert client.get("/sessions/demo/portfolio").status_code == 200
    refused = client.post(
        "/api/v1/sessions/demo/orders",
        {"asset": "AAPL", "side": "sell", "order_type": "limit", "quantity": "1", "price": "5"},
        content_type="application/json",
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "imported")
