"""Agents by their owners: registering, keys, modes, approvals, money; leaderboard and profile."""

from accounts import keys
from accounts.facade import User
from common.ids import Actor
from predictions import queries
from predictions.engine import commands as c
from predictions.engine.events import Terms
from predictions.handlers import agents, comments, orders
from predictions.web.tests.conftest import Hall, hall_named

MINE = "/predictions/agents?exchange=class-a"


def at(hall: Hall, who: str, what: str) -> str:
    return f"/predictions/agents/{hall.id(hall.agents[who])}/{what}"


def wait_for_approval(hall: Hall, size: int = 10) -> int:
    """An order by alice's agent's own key, in manual mode."""
    row = hall.agent("alice")
    agents.set_mode(hall.stream, row.number, "manual", hall.actor("alice"))
    command = c.PlaceOrder(agent=row.number, market=hall.market, outcome="YES", size=size, price=60)
    return orders.place_order(hall.stream, command, Actor(row.user)).number


def test_a_registered_agents_key_is_shown_once(hall: Hall) -> None:
    browser = hall.browser("stranger")
    shown = browser.post(MINE, {"name": "Zoë's bot"})
    assert shown.status_code == 200
    (agent,) = queries.agents_owned(hall.people["stranger"].uid, hall.stream)
    secret = shown.content.decode().split("<code>")[1].split("</code>")[0]
    info = keys.verify(secret)
    assert info is not None
    assert (info.user_uid, agent.name) == (agent.row.user, "Zoë's bot")
    assert secret not in browser.get(MINE).content.decode()


def test_a_name_that_is_taken_or_cannot_be_seen_is_refused(hall: Hall) -> None:
    browser = hall.browser("stranger")
    for name in ("ALICE-BOT", "", "x" * 101, "a\0b", "​", "a‮b"):
        answer = browser.post(MINE, {"name": name})
        assert (answer.status_code, b'role="alert"' in answer.content) == (422, True), name
    assert queries.agents_owned(hall.people["stranger"].uid) == []


def test_who_registers_too_many_waits(hall: Hall) -> None:
    browser = hall.browser("stranger")
    answers = [browser.post(MINE, {"name": f"bot {number}"}).status_code for number in range(21)]
    assert answers == [200] * 20 + [422]


def test_one_acts_as_the_agent_one_chose(hall: Hall) -> None:
    second = agents.register(hall_exchange(hall), "alice-two", owner=hall.people["alice"]).agent.number
    browser = hall.browser("alice")
    assert "as <a" in browser.get(hall.page).content.decode()
    browser.post(f"/predictions/agents/{hall.id(second)}/choose")
    assert "alice-two</b>" in browser.get(hall.page).content.decode()
    assert hall.browser("bob").post(f"/predictions/agents/{hall.id(second)}/choose").status_code == 404


def hall_exchange(hall: Hall) -> queries.ExchangeInfo:
    return queries.exchange_of(hall.stream)


def test_an_order_in_manual_mode_waits_for_its_owner(hall: Hall) -> None:
    number = wait_for_approval(hall)
    browser = hall.browser("alice")
    shown = browser.get(MINE).content.decode()
    assert "Waiting for your approval" in shown
    assert "10 YES" in shown
    browser.post(at(hall, "alice", f"orders/{hall.id(number)}"), {"do": "approve"})
    assert queries.order(hall.stream, number).status == "open"
    again = browser.post(at(hall, "alice", f"orders/{hall.id(number)}"), {"do": "approve"})
    assert again.status_code == 422


def test_an_owner_rejects_what_waits_and_nobody_else_does(hall: Hall) -> None:
    number = wait_for_approval(hall)
    assert (
        hall.browser("bob").post(at(hall, "alice", f"orders/{hall.id(number)}"), {"do": "approve"}).status_code == 404
    )
    assert (
        hall.browser("bob").post(at(hall, "bob", f"orders/{hall.id(number)}"), {"do": "approve"}).status_code == 422
    )
    assert queries.order(hall.stream, number).status == "pending_approval"
    hall.browser("alice").post(at(hall, "alice", f"orders/{hall.id(number)}"), {"do": "reject"})
    assert queries.order(hall.stream, number).status == "cancelled"


def test_the_mode_is_set_and_the_key_replaced_by_the_owner_alone(hall: Hall) -> None:
    browser = hall.browser("alice")
    assert browser.post(at(hall, "alice", "mode"), {"mode": "manual"}).status_code == 302
    assert hall.agent("alice").mode == "manual"
    assert browser.post(at(hall, "alice", "mode"), {"mode": "sometimes"}).status_code == 422
    assert b"shown this once" in browser.post(at(hall, "alice", "key")).content
    for what in ("mode", "key", "transfer", "faucet"):
        assert hall.browser("bob").post(at(hall, "alice", what), {"mode": "auto"}).status_code == 404


def test_money_is_transferred_once_and_not_more_than_there_is(hall: Hall) -> None:
    browser = hall.browser("bob")
    form = {"to": "Carol-Bot", "amount": "100.50", "note": "lunch", "command_id": "only-this-once"}
    for _ in range(2):
        assert browser.post(at(hall, "bob", "transfer"), form).status_code == 302
    assert (hall.agent("bob").balance, hall.agent("carol").balance) == (8_995_000, 11_005_000)
    for wrong in ({"amount": "9000"}, {"amount": "-5"}, {"amount": ""}, {"to": "x"}, {"to": "bob-bot"}, {"to": ""}):
        answer = browser.post(at(hall, "bob", "transfer"), {**form, "command_id": "another-one", **wrong})
        assert (answer.status_code, b'role="alert"' in answer.content) == (422, True), wrong
    assert b"lunch" in browser.get(at(hall, "bob", "").rstrip("/")).content
    assert b"lunch" not in hall.browser("alice").get(at(hall, "bob", "").rstrip("/")).content


def test_the_faucet_gives_where_there_is_one_up_to_its_limit(people: dict[str, User]) -> None:
    hall = hall_named("practice", people, Terms(faucet_limit=5_000_000))
    browser = hall.browser("bob")
    assert b"Faucet" in browser.get("/predictions/agents?exchange=practice").content
    assert browser.post(at(hall, "bob", "faucet"), {"amount": "400"}).status_code == 302
    assert browser.post(at(hall, "bob", "faucet"), {"amount": "101"}).status_code == 422
    assert hall.agent("bob").balance == 14_000_000


def test_the_leaderboard_ranks_by_equity_and_links_profiles(hall: Hall) -> None:
    hall.trade(100, 60)
    hall.resolve("YES")
    text = hall.browser("carol").get("/predictions/leaderboard?exchange=class-a").content.decode()
    assert text.index("alice-bot</a>") < text.index("carol-bot</a>") < text.index("bob-bot</a>")
    assert "mona-bot</a>" not in text
    assert (
        "mona-bot</a>"
        in hall.browser("carol").get("/predictions/leaderboard?exchange=class-a&role=moderator").content.decode()
    )


def test_a_profile_shows_how_well_an_agent_judges(hall: Hall) -> None:
    comments.say(hall.stream, hall.market, hall.agent("bob"), "Dry.", prediction=20)
    hall.trade(100, 60)
    hall.resolve("YES")
    text = hall.browser("carol").get(at(hall, "bob", "").rstrip("/")).content.decode()
    assert "0.6400" in text
    assert "20–30 %" in text
    assert "▼ −40.40" in text
