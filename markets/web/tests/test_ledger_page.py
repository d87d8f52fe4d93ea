"""The ledger page: found by participant, any moment shown again, the chain followed, and no lie left unnamed."""

import html

import pytest
from django.test import Client

from ledger.models import Event
from ledger.tests.meddling import disarmed, sql
from markets import queries
from markets.web import past
from markets.web.tests.conftest import Room

SELL = {"asset": "AAPL", "side": "sell", "quantity": "5.1234", "price": "151.07"}


def _trade(room: Room) -> None:
    room.browser("alice").post("/sessions/room/orders", SELL)
    room.browser("bob").post("/sessions/room/orders", SELL | {"side": "buy", "quantity": "2"})


def _text(client: Client, path: str) -> str:
    return html.unescape(client.get(path).content.decode())


def _types(page: str) -> list[str]:
    rows = page.split('class="grid ledger"')[1].split("</tbody>")[0] if 'class="grid ledger"' in page else ""
    return [part.split("</th>")[0] for part in rows.split('<th scope="row">')[1:]]


def test_a_participant_is_found_by_what_they_did_and_by_what_names_them(room: Room) -> None:
    _trade(room)
    found = _types(_text(room.browser("alice"), "/sessions/room/ledger?actor=alice"))
    assert {"ParticipantJoined", "CashIssued", "InitialAllocationAssigned", "OrderPlaced"} <= set(found)
    of_bob = _types(_text(room.browser("alice"), "/sessions/room/ledger?actor=bob"))
    assert "OrderPlaced" not in of_bob
    assert "CashIssued" in of_bob
    by_organiser = _types(_text(room.browser("orga"), "/sessions/room/ledger?actor=bob&type=OrderPlaced"))
    assert by_organiser == ["OrderPlaced"]


def test_the_past_is_shown_as_it_was_at_every_event(room: Room) -> None:
    start = queries.head(room.stream)[0]
    _trade(room)
    end = queries.head(room.stream)[0]
    alice = room.browser("alice")
    before, resting, after = (_text(alice, f"/sessions/room/ledger?at={seq}") for seq in (start, start + 1, end))
    assert "No orders rested" in before
    assert "5.1234" in resting.split('id="past"')[1].split("</section>")[0]
    assert "151.0700" in resting
    assert "0 / 5.1234" in resting
    assert "2 / 5.1234" in after
    assert "3.1234" in after  # what is left of it in the book
    for seq in range(1, end + 1):
        assert alice.get(f"/sessions/room/ledger?at={seq}").status_code == 200


def test_others_open_orders_are_not_in_the_past_that_one_is_shown(room: Room) -> None:
    _trade(room)
    seq = queries.head(room.stream)[0]
    assert "My open orders" not in _text(room.browser("bob"), f"/sessions/room/ledger?at={seq}")
    assert "2 / 5.1234" in _text(room.browser("orga"), f"/sessions/room/ledger?at={seq}")


def test_the_past_is_the_same_whether_folded_anew_or_on_from_a_kept_state(room: Room) -> None:
    _trade(room)
    end = queries.head(room.stream)[0]
    kept = []
    for _ in range(2):
        for seq in (*range(1, end + 1), 3, end):
            with past.state_after(room.stream, seq) as state:
                assert state.facts.seq == seq
                kept.append((seq, repr(state.saved())))
        past._kept.clear()
    assert len(set(kept)) == end


def test_the_chain_is_followed_to_the_head(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("markets.web.ledger_page._AT_ONCE", 3)
    _trade(room)
    seq, digest = queries.head(room.stream)
    alice, reached, seen = room.browser("alice"), 0, ""
    for _ in range(-(-seq // 3)):
        found = alice.get(f"/sessions/room/ledger/links?after={reached}&hash={seen}").json()
        assert found["broken"] == 0
        reached, seen = found["seq"], found["hash"]
    assert (reached, seen) == (seq, digest)


def test_a_changed_event_is_named_by_the_chain_and_by_verify(room: Room) -> None:
    _trade(room)
    alice = room.browser("alice")
    told = Event.objects.filter(stream_id=room.stream, type="CashIssued").earliest("seq")
    changed, change = told.seq, "UPDATE ledger_event SET actor = %s WHERE stream_id = %s AND seq = %s"
    with disarmed():
        sql(change, "nobody", room.stream, changed)
    answer = alice.get("/sessions/room/ledger/links").json()
    assert (answer["seq"], answer["broken"]) == (changed - 1, changed)
    page = html.unescape(alice.post("/sessions/room/ledger/verify").content.decode())
    assert f"seq {changed}" in page.split('id="verdict"')[1].split("</section>")[0]
    assert "events verified" not in page
    with disarmed():
        sql(change, told.actor, room.stream, changed)


@pytest.mark.parametrize(
    "query", ["after=x", "after=-1&hash=zz", "after=9999&hash=" + "a" * 64, "hash=%00", "after=%F0"]
)
def test_garbage_does_not_break_the_chain(room: Room, query: str) -> None:
    assert room.browser("alice").get(f"/sessions/room/ledger/links?{query}").status_code == 200
    assert room.browser("stranger").get(f"/sessions/room/ledger/links?{query}").status_code == 404


def test_with_htmx_only_the_verdict_comes_back(room: Room) -> None:
    answer = room.browser("alice").post("/sessions/room/ledger/verify", headers={"HX-Request": "true"})
    assert b"events verified" in answer.content
    assert b"<html" not in answer.content
    assert queries.head(room.stream)[1].encode() in answer.content
