"""Exchanges in the console: made, staffed, housed and looked at by their organiser, and by nobody else."""

import pytest
from django.test import Client

from accounts.facade import User, actor_of
from common.clock import now_us
from predictions import queries
from predictions.engine import commands as c
from predictions.handlers import agents, markets
from predictions.models import Agent, Exchange, Order

AT = "/admin/predictions/exchange"
TERMS = {
    "name": "class-b",
    "starting_balance": "500",
    "faucet_limit": "0",
    "trading_fee": "0.5",
    "creation_fee": "2",
    "settlement_fee": "2",
    "moderator_share": "30",
    "moderator_bonus": "0.5",
    "challenge_seconds": "3600",
    "approval_seconds": "86400",
    "self_trade_prevention": "cancel_newest",
}
PAGES = ("", "agents/", "markets/", "orders/", "trades/", "events/", "delete/")


@pytest.fixture
def people(ledger: None) -> dict[str, User]:
    staff = {"orga": True, "other": True, "alice": False}
    return {
        name: User.objects.create_user(name, is_organiser=is_staff, is_staff=is_staff)
        for name, is_staff in staff.items()
    }


def browser(people: dict[str, User], name: str, *, checks: bool = False) -> Client:
    client = Client(enforce_csrf_checks=checks)
    client.force_login(people[name])
    return client


@pytest.fixture
def exchange(people: dict[str, User]) -> queries.ExchangeInfo:
    assert browser(people, "orga").post(f"{AT}/add/", TERMS).status_code == 302
    return queries.exchange("class-b")


def test_an_exchange_is_made_with_its_terms(exchange: queries.ExchangeInfo, people: dict[str, User]) -> None:
    terms = exchange.terms
    assert exchange.organiser == people["orga"].uid
    assert (terms.starting_balance, terms.trading_fee, terms.challenge_window) == (5_000_000, 50, 3_600_000_000)


def test_wrong_terms_are_told_beside_their_field(people: dict[str, User]) -> None:
    orga = browser(people, "orga")
    for wrong in (
        {"name": "Bad Name"},
        {"name": "main"},
        {"name": ""},
        {"trading_fee": "51"},
        {"trading_fee": "1.005"},
        {"starting_balance": "-1"},
        {"starting_balance": "9" * 30},
        {"challenge_seconds": "soon"},
        {"moderator_bonus": "3"},
        {"self_trade_prevention": "never"},
    ):
        answer = orga.post(f"{AT}/add/", {**TERMS, **wrong})
        assert (answer.status_code, b"errornote" in answer.content) == (422, True), wrong
    assert not Exchange.objects.exists()


def test_the_same_form_twice_makes_one_exchange(people: dict[str, User]) -> None:
    orga, form = browser(people, "orga"), {**TERMS, "command_id": "0" * 32}
    places = {orga.post(f"{AT}/add/", form)["Location"] for _ in range(2)}
    assert (len(places), Exchange.objects.count()) == (1, 1)


def test_moderators_are_granted_and_a_house_is_funded(
    exchange: queries.ExchangeInfo, people: dict[str, User]
) -> None:
    orga, at = browser(people, "orga"), f"{AT}/{exchange.stream}"
    mona = agents.register(exchange, "<i>mona</i>", owner=people["alice"]).agent
    orga.post(f"{at}/role/", {"agent": "nobody", "role": "moderator"})
    assert queries.agents(exchange.stream, role="moderator") == []
    orga.post(f"{at}/role/", {"agent": mona.name, "role": "moderator"})
    assert queries.agent(exchange.stream, mona.number).row.role == "moderator"
    command = c.CreateMarket(creator=0, question="Will it rain tomorrow?", deadline=now_us() + 86_400_000_000)
    market = markets.create_market(exchange.stream, command, actor_of(people["orga"])).number
    shown = orga.get(f"{at}/house/{market}/", {"liquidity": "100"}).content.decode()
    assert "69.31" in shown
    assert orga.post(f"{at}/house/{market}/", {"liquidity": "100"}).status_code == 302
    assert Order.objects.filter(stream_id=exchange.stream, status="open").count() > 20
    assert orga.post(f"{at}/house/{market}/", {"liquidity": "100"}).status_code == 422
    assert orga.get(f"{at}/house/99999999999999999999/").status_code == 404
    for page in PAGES:
        answer = orga.get(f"{at}/{page}")
        assert answer.status_code == 200, page
        assert b"<i>mona" not in answer.content
    assert b"RoleSet" in orga.get(f"{at}/events/?before=9").content
    assert orga.get(f"{at}/events/?before=%00").status_code == 200


def test_nobody_else_enters(exchange: queries.ExchangeInfo, people: dict[str, User]) -> None:
    agents.register(exchange, "ann", owner=people["alice"])
    at = f"{AT}/{exchange.stream}"
    for page in PAGES:
        assert browser(people, "other").get(f"{at}/{page}").status_code == 404, page
        assert browser(people, "alice").get(f"{at}/{page}").status_code == 302, page
    form = {"agent": "ann", "role": "moderator"}
    assert browser(people, "other").post(f"{at}/role/", form).status_code == 404
    assert browser(people, "alice").post(f"{at}/role/", form).status_code == 302
    assert browser(people, "orga", checks=True).post(f"{at}/role/", form).status_code == 403
    assert Agent.objects.get().role == "trader"
    assert b"class-b" not in browser(people, "other").get(f"{AT}/").content
    assert b"class-b" in browser(people, "orga").get(f"{AT}/").content


def test_the_admin_itself_writes_no_rows(exchange: queries.ExchangeInfo, people: dict[str, User]) -> None:
    orga = browser(people, "orga")
    for page in ("change/", "history/"):
        assert orga.get(f"{AT}/{exchange.stream}/{page}").status_code == 404


def test_an_exchange_is_deleted_by_its_name_alone(exchange: queries.ExchangeInfo, people: dict[str, User]) -> None:
    orga, at = browser(people, "orga"), f"{AT}/{exchange.stream}/delete/"
    assert orga.post(at, {"name": "class-c"}).status_code == 422
    assert orga.post(at, {"name": "class-b", "reason": "over"}).status_code == 302
    assert not Exchange.objects.exists()
    assert orga.get(f"{AT}/{exchange.stream}/").status_code == 404
