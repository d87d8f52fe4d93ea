"""Rosters, one-time codes, the room's screen, announcements, exports, shared feeds, the audit trail."""

import html
import io
import re
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.facade import User
from common.clock import now_us
from ledger.verify import verify_all
from markets import queries
from markets.tests.admin.conftest import press, terms, text_of, url
from oracle import facade as oracle

PACE = {"tick_ms": "1000", "max_ticks": "0"}
CSV = b"participant_id,name,user,AAPL,NVDA\nzoe,Zoe Z.,,10,5\nyan,=1+1,,,\n"
NOBODY = {
    f"participants-{n}-{name}": "" for n in range(2) for name in ("participant_id", "name", "user", "allocations")
}


@pytest.fixture
def room(console: Client) -> queries.SessionInfo:
    """A session with a basket that nobody has a share of yet."""
    answer = console.post(url("add"), terms(**NOBODY))
    assert answer.status_code == 302, text_of(answer)
    return queries.session("class-1")


def upload(data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("people.csv", data)


def admitted(console: Client, room: queries.SessionInfo) -> None:
    assert press(console, "roster", room.stream, text=CSV.decode(), confirm="1").status_code == 302


def test_a_class_behind_one_address_joins_at_once_and_who_guesses_must_wait(
    console: Client, room: queries.SessionInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = now_us()
    monkeypatch.setattr("accounts.throttle.now_us", lambda: began)  # however slow the machine is
    many = "participant_id\n" + "".join(f"s{n}\n" for n in range(40))
    assert press(console, "roster", room.stream, text=many, confirm="1").status_code == 302
    made = press(console, "codes", room.stream, participants=[f"s{n}" for n in range(40)], hours="2", confirm="1")
    found = re.findall(r"[2-9A-Z]{5}-[2-9A-Z]{5}", text_of(made))
    assert len(set(found)) == 40
    for code in found[1:]:  # each with a slip of the finger first
        visitor = Client()
        assert visitor.post("/join", {"code": f"{code[:-1]}0"}).status_code == 422
        assert visitor.post("/join", {"code": code}).status_code == 302
    guesses = [Client().post("/join", {"code": f"AAAAA-AAA{n:02}"}) for n in range(60)]
    assert [guess.status_code for guess in guesses].index(429) < 60
    assert int(guesses[-1]["Retry-After"]) >= 1
    assert Client().post("/join", {"code": found[0]}).status_code == 429


def test_a_csv_is_shown_before_it_is_done_as_a_whole(console: Client, room: queries.SessionInfo) -> None:
    shown = press(console, "roster", room.stream, csv=upload(CSV))
    assert (shown.status_code, "signs in by code" in text_of(shown)) == (200, True)
    assert queries.participants(room.stream) == []
    admitted(console, room)
    assert queries.participants(room.stream) == ["zoe", "yan"]
    assert queries.allocations(room.stream)["zoe"]["AAPL"].total == 100_000


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "The submitted file is empty"),
        (b"name\nx\n", "Line 1: there is no column participant_id"),
        (b"participant_id,AAPL\nzoe,1\nyan,x\n", "Line 3: AAPL"),
        (b"participant_id,AAPL\nzoe,1,2\n", "Line 2: there are 3 cells"),
        (b"participant_id\nzoe\nzoe\n", "Line 3: zoe is there twice"),
        (b"participant_id,AAPL\nzoe,1000\n", "Line 2: up to here 1000.0000 AAPL are wanted; the treasury holds 100"),
        (b"participant_id,NVDA\nzoe,40\nyan,\nxav,40\nwim,40\n", "Line 4: up to here 80.0000 NVDA are wanted"),
        (b"participant_id\nCash\n..\nyan\nz o\n", "Line 3: A handle is"),
        (b"participant_id,user\nzoe,nobody\n", "Line 2: there is no user"),
        (b"participant_id\nz\xff\n", "Line 2: this is not UTF-8"),
        (b"participant_id\nz o e!\n", "Line 2: A handle is"),
        (b'participant_id,name\nzoe,"Zoe\nyan,Yan\nxav,Xav\n', "Line 2: a quotation mark is opened and never closed"),
        (b"participant_id,GOLD\nzoe,1\n", "GOLD: no such column or leg"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_done(
    console: Client, room: queries.SessionInfo, data: bytes, said: str
) -> None:
    answer = press(console, "roster", room.stream, csv=upload(data))
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert queries.participants(room.stream) == []


def test_the_same_csv_confirmed_twice_is_done_once(console: Client, room: queries.SessionInfo) -> None:
    shown = text_of(press(console, "roster", room.stream, csv=upload(CSV), command_id="c" * 32))
    sent = dict(re.findall(r'<input type="hidden" name="(command_id|text|here)" value="([^"]*)"', shown))
    for _ in range(2):
        answer = press(console, "roster", room.stream, confirm="1", **sent)
        assert answer.status_code == 302, text_of(answer)
    assert queries.participants(room.stream) == ["zoe", "yan"]
    assert queries.allocations(room.stream)["zoe"]["AAPL"].total == 100_000
    assert "is in the session" in text_of(press(console, "roster", room.stream, csv=upload(CSV)))


def test_who_is_in_is_not_given_another_account(console: Client, room: queries.SessionInfo) -> None:
    User.objects.create_user("bob")
    admitted(console, room)
    answer = press(console, "roster", room.stream, csv=upload(b"participant_id,user,AAPL\nzoe,bob,1\n"))
    assert "Line 2: zoe is in the session, and not as the user &#x27;bob&#x27;." in text_of(answer)


def test_every_bad_handle_is_named_at_once(console: Client, room: queries.SessionInfo) -> None:
    said = text_of(press(console, "roster", room.stream, csv=upload(b"participant_id\ntreasury\nyan\nz o\n")))
    assert "Line 2: The handle" in said
    assert "Line 4: A handle is" in said


def test_what_was_done_is_told_with_the_sessions_own_letters(console: Client, ledger: None) -> None:
    answer = console.post(url("add"), terms(session_id="class-2", **NOBODY), follow=True)
    assert "class-2 is created." in text_of(answer)
    assert "Class-2" not in text_of(answer)


def test_a_code_signs_its_participant_in_once(console: Client, room: queries.SessionInfo) -> None:
    admitted(console, room)
    sheet = press(console, "codes", room.stream, participants=["zoe"], hours="2")
    assert "no-store" in sheet["Cache-Control"]
    found = re.search(r'class="code">([0-9A-Z-]+)<', text_of(sheet))
    assert found is not None
    visitor = Client()
    assert visitor.post("/join", {"code": "WRONG-CODEX"}).status_code == 422
    assert visitor.post("/join", {"code": found[1].lower()})["Location"] == "/sessions/class-1"
    assert visitor.get("/sessions/class-1").status_code == 200
    again = Client().post("/join", {"code": found[1]})
    assert again.status_code == 422
    assert "used already" in text_of(again)


def test_nobody_with_an_account_of_their_own_gets_a_code(console: Client, session: queries.SessionInfo) -> None:
    User.objects.create_superuser("root")
    press(console, "admit", session.stream, participant_id="root")
    assert press(console, "codes", session.stream, participants=["root"], hours="2").status_code == 422


def test_the_rooms_screen_needs_no_sign_in_and_no_other_address_works(
    console: Client, room: queries.SessionInfo
) -> None:
    press(console, "announce", room.stream, text="Five minutes left.")
    page = text_of(press(console, "projector", room.stream, with_leaderboard="on"))
    found = re.search(r"/projector/[^\"<]+", page)
    assert found is not None
    screen = Client().get(found[0])
    assert "Five minutes left." in text_of(screen)
    assert Client().get("/projector/made-up").status_code == 404
    assert found[0] in text_of(console.get(url("projector", room.stream)))
    press(console, "projector", room.stream)
    assert Client().get(found[0]).status_code == 404  # there is another now
    newer = re.search(r"/projector/[^\"<]+", text_of(console.get(url("projector", room.stream))))
    assert newer is not None
    assert Client().get(newer[0]).status_code == 200
    press(console, "projector", room.stream, revoke="1")
    assert Client().get(newer[0]).status_code == 404
    assert "projector revoked" in text_of(console.get(url("audit", room.stream)))


def test_exports_hold_all_tables_and_no_formula(console: Client, room: queries.SessionInfo) -> None:
    admitted(console, room)
    answer: Any = console.get(url("download", room.stream), {"format": "csv"})
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        assert "codebook.csv" in archive.namelist()
        assert "\nyan,'=1+1," in archive.read("participants.csv").decode().replace("\r", "")
    for form in ("xlsx", "parquet"):
        made: Any = console.get(url("download", room.stream), {"format": form, "pseudonymous": "on"})
        assert len(b"".join(made.streaming_content)) > 1000
    assert console.get(url("download", room.stream), {"format": "doc"}).status_code == 422


def test_what_was_done_outside_the_ledger_is_on_record(console: Client, room: queries.SessionInfo) -> None:
    admitted(console, room)
    trail = text_of(console.get(url("audit", room.stream)))
    assert "roster" in trail
    assert "SessionCreated" in trail
    everything = text_of(console.get(url("trail")))
    assert f'<a href="{url("audit", room.stream)}">class-1</a>' in everything
    assert list(verify_all()) == []


def test_the_pages_of_an_audit_trail_leave_nothing_out(console: Client, room: queries.SessionInfo) -> None:
    """All that one command did happened at one moment, and has more lines than a page."""
    many = "participant_id\n" + "".join(f"s{n}\n" for n in range(60))
    assert press(console, "roster", room.stream, text=many, confirm="1").status_code == 302
    shown, query = list[int](), ""
    while True:
        page = text_of(console.get(url("audit", room.stream) + query))
        shown += [int(seq) for seq in re.findall(r">\s*event (\d+)\s*<", page)]
        older = re.search(r'"(\?before=[^"]+)">Older', page)
        if older is None:
            break
        query = older[1]
    assert shown == list(range(queries.head(room.stream)[0], 0, -1))


def test_a_shared_feed_is_made_run_and_stopped(console: Client) -> None:
    made = {"name": "floor", "mode": "sim", "instruments": "AAPL, NVDA", "price_decimals": "2", "tick_ms": "1000"}
    answer = console.post(url("feeds"), {**made, "max_ticks": "0"})
    assert answer.status_code == 302, text_of(answer)
    assert console.post(answer["Location"], {"act": "start"}).status_code == 302
    assert "running" in text_of(console.get(answer["Location"]))
    assert console.post(answer["Location"], {"act": "stop"}).status_code == 302
    assert console.post(url("feeds"), {**made, "name": "session:x", "max_ticks": "0"}).status_code == 422


def test_no_sessions_page_stops_or_changes_a_feed_that_others_share(console: Client) -> None:
    made = {"name": "shared", "mode": "sim", "instruments": "AAPL, NVDA", "price_decimals": "2", **PACE}
    assert console.post(url("feeds"), made).status_code == 302
    answer = console.post(url("add"), terms(feed="shared", **NOBODY))
    assert answer.status_code == 302, text_of(answer)
    stream = queries.session("class-1").stream
    feed = oracle.get_feed("shared")
    oracle.start_feed(feed.id)
    prices = upload(b"ts,AAPL,NVDA\n2026-01-01T00:00:00Z,1,2\n")
    for name, fields in (("stop-feed", {}), ("simulate", PACE), ("replay", {**PACE, "csv": prices})):
        refused = press(console, name, stream, **fields)
        assert refused.status_code == 422
        assert "started and stopped on its own page, under Feeds." in text_of(refused)
    assert oracle.get_feed("shared").status == "running"
    oracle.stop_feed(feed.id)


def test_a_scenario_and_a_clone_fill_the_page(console: Client, session: queries.SessionInfo) -> None:
    assert 'value="GOLD 3m"' in text_of(console.get(url("add"), {"scenario": "futures-curve"}))
    page = text_of(console.get(url("clone", session.stream)))
    assert 'value="class-2"' in page
    assert "AAPL=100, NVDA=60" in page


def test_a_class_that_came_in_two_parts_is_cloned_with_every_leg(console: Client, ledger: None) -> None:
    legs = [f"LEG{n}" for n in range(40)]
    cells = {f"legs-{n}-{name}": text for n, leg in enumerate(legs) for name, text in (("name", leg), ("q", "1000"))}
    assert console.post(url("add"), terms(**NOBODY, **{**cells, "legs-TOTAL_FORMS": "40"})).status_code == 302
    stream = queries.session("class-1").stream
    header = f"participant_id,{','.join(legs)}\n"
    for part in "ab":
        many = header + "".join(f"{part}{n}{',1' * 40}\n" for n in range(130))
        assert press(console, "roster", stream, text=many, confirm="1").status_code == 302
    page = text_of(console.get(url("clone", stream)))
    fields = re.findall(r'<(?:input type="(?:text|hidden)"|option) ?(?:name="([^"]+)")? ?value="([^"]*)"', page)
    filled = {name: html.unescape(value) for name, value in fields if name}
    made = console.post(url("add"), {**terms(**NOBODY), **filled})
    assert made.status_code == 302, re.findall(r"errorlist.{1,200}", text_of(made))[:3]
    copy = queries.session("class-2")
    assert len(queries.participants(copy.stream)) == 260
    assert queries.allocations(copy.stream)["b129"]["LEG39"].total == 10_000


def test_a_new_sessions_people_come_from_a_csv_and_are_shown_first(console: Client, ledger: None) -> None:
    page = text_of(console.post(url("add"), terms(csv=upload(CSV))))  # type: ignore[arg-type]  # a file among the texts
    assert 'value="AAPL=10, NVDA=5"' in page
    bad = console.post(url("add"), terms(csv=upload(b"participant_id,AAPL\nzoe,x\n")))  # type: ignore[arg-type]
    assert bad.status_code == 422
    assert "Line 2: AAPL" in text_of(bad)
    assert queries.sessions() == []
