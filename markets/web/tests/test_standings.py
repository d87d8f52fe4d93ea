"""Portfolio, leaderboard and settlement say what the API says, to the last digit, in a constant number of queries."""

import html
import json
import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.facade import User, actor_of
from markets import queries, shapes, valuation
from markets.engine import commands as c
from markets.handlers import participants, prices, rfq
from markets.web.tests.conftest import LEGS, Room

SELL = {"asset": "AAPL", "side": "sell", "quantity": "5.1234", "price": "151.07"}


def _trade(room: Room) -> None:
    room.browser("alice").post("/sessions/room/orders", SELL)
    room.browser("bob").post("/sessions/room/orders", SELL | {"side": "buy"})


def _settle(room: Room) -> None:
    prices.settle_session(room.stream, room.actor("orga"), prices={"AAPL": "200.0123", "GOLD 3m": "500"})


def _text(client: Client, path: str) -> str:
    return html.unescape(client.get(path).content.decode())


def _figures(page: str, section: str) -> list[str]:
    """The numbers of a section's table, in order."""
    found = re.search(rf'<section[^>]*id="{section}".*?</section>', page, re.S)
    assert found is not None
    return re.findall(r'<td class="num">([0-9.]+)</td>', found[0])


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_a_statement_can_be_recomputed_and_says_what_the_api_says(room: Room, who: str) -> None:
    _trade(room)
    _settle(room)
    browser = room.browser(who)
    told = browser.get("/api/v1/sessions/room/settlement").json()
    figures = _figures(_text(browser, "/sessions/room/settlement"), "statement")
    lines, (payout, cash, total) = figures[:6], figures[6:]
    assert payout == told["payouts"][who]
    assert cash == told["cash"][who]
    assert lines[1::3] == [told["settlement_prices"][leg] for leg in LEGS]
    assert lines[0::3] == [
        shapes.quantity(room.session, queries.allocations(room.stream)[who][leg].total) for leg in LEGS
    ]
    rows = [[Decimal(text) for text in lines[at : at + 3]] for at in (0, 3)]
    assert all(held * price == value for held, price, value in rows)
    assert sum(value for _, _, value in rows) == Decimal(payout)
    assert Decimal(payout) + Decimal(cash) == Decimal(total)


def test_what_if_pays_at_any_price_before_and_after_and_changes_nothing(room: Room) -> None:
    _trade(room)
    alice, asked = room.browser("alice"), "/sessions/room/settlement?price.AAPL=200&price.GOLD+3m=500"
    head = queries.head(room.stream)
    before = _text(alice, asked)
    preview = alice.get("/api/v1/sessions/room/settlement/preview?AAPL=200&GOLD+3m=500").json()
    assert f'<td class="num">{preview["payouts"]["alice"]}</td>' in before
    assert "Against now" in before
    assert queries.head(room.stream) == head
    _settle(room)
    after = _text(alice, asked)
    assert "Against what was paid" in after
    assert f'<td class="num">{preview["payouts"]["alice"]}</td>' in after


@pytest.mark.parametrize("price", ["-1", "0", "1e400", "NaN", "<b>", "1.23456789", "9" * 40])
def test_a_price_that_cannot_be_is_refused_beside_its_field(room: Room, price: str) -> None:
    answer = room.browser("alice").get("/sessions/room/settlement", {"price.AAPL": price})
    assert answer.status_code == 422
    assert 'id="what-if-0" name="price.AAPL"' in answer.content.decode()
    assert answer.content.decode().count("aria-invalid") == 1
    assert "<b>" not in answer.content.decode().split('id="what-if"')[1].split("</form>")[0]


def test_the_fixing_shows_its_window_and_the_ticks_it_used(make_room: Callable[..., Room]) -> None:
    room = make_room(fixing="twap", fixing_window=60)
    for price in ("150", "152", "151"):
        prices.push_prices(room.session, {"AAPL": price, "GOLD 3m": "1900"})
    prices.settle_session(room.stream, room.actor("orga"))
    page = _text(room.browser("alice"), "/sessions/room/settlement")
    settled = queries.settlement(room.stream)
    assert settled is not None
    figure = re.search(r'<svg class="fixed".*?</svg>', page, re.S)
    assert figure is not None
    assert figure[0].count('class="used"') == settled.fixing.tick_count
    assert 'class="window"' in figure[0]
    assert settled.fixing.ticks_sha256 in page
    assert " / ".join(settled.fixing.exact["AAPL"]) in page


def test_the_chart_of_gains_ends_where_the_leaderboard_stands(room: Room) -> None:
    _trade(room)
    prices.push_prices(room.session, {"AAPL": "160.5", "GOLD 3m": "1890"})
    for _ in range(2):
        standings = valuation.leaderboard(room.session, valuation.current_prices(room.session))
        data = re.search(
            r'data-curves="([^"]*)"', room.browser("bob").get("/sessions/room/leaderboard").content.decode()
        )
        assert data is not None
        told = json.loads(html.unescape(data[1]))
        assert {who: line[-1] for who, line in told["lines"].items()} == {row.handle: row.gain for row in standings}
        assert told["times"] == sorted(told["times"])
        if room.session.status == "active":
            _settle(room)


def test_a_trade_that_was_undone_is_in_no_curve(room: Room) -> None:
    _trade(room)
    trade = queries.recent_trades(room.stream)[0][0]
    rfq.bust_trade(room.stream, trade.number, room.actor("orga"), reason="a slip")
    found = valuation.gains_over_time(
        room.session, valuation.current_prices(room.session), ["alice", "bob"], end=trade.at + 1_000_000
    )
    assert {gain for line in found.by_handle.values() for gain in line} == {0}


def test_the_portfolio_shows_weights_and_that_all_adds_up(room: Room) -> None:
    _trade(room)
    page = _text(room.browser("alice"), "/sessions/room/portfolio")
    assert "Conserved" in page
    value = valuation.worth(
        room.session, queries.allocations(room.stream)["alice"], valuation.current_prices(room.session)
    )
    held = queries.allocations(room.stream)["alice"]["AAPL"].total
    weight = held * 1_522_500 * 1000 // value
    assert f"<small>{weight // 10}.{weight % 10} %</small>" in page
    widths = [int(width) for width in re.findall(r'<rect class="o\w+" x="\d+" width="(\d+)"', page)]
    assert sum(widths) == 3 * 1000  # two legs and the cash, each filled to its end


@pytest.mark.parametrize("page", ["portfolio", "leaderboard", "settlement"])
def test_a_page_takes_as_many_queries_however_many_take_part(room: Room, page: str) -> None:
    alice = room.browser("alice")

    def count() -> int:
        _trade(room)  # so that nothing is remembered from before
        with CaptureQueriesContext(connection) as sent:
            assert alice.get(f"/sessions/room/{page}").status_code == 200
        return len(sent)

    count()
    few = count()
    for number in range(5):
        user = User.objects.create_user(f"more{number}")
        joining = c.JoinSession(participant=user.username, user=actor_of(user).id)
        participants.join_session(room.stream, joining, actor_of(user))
    assert count() == few
