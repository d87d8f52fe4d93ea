"""Forms of the market page without JavaScript: what they do, what they refuse, and that they do it once."""

from predictions import queries
from predictions.models import Order
from predictions.web.tests.conftest import Hall

TICKET = {"outcome": "YES", "action": "buy", "order_type": "limit", "size": "10", "price": "60"}


def test_an_order_is_reviewed_before_it_is_placed(hall: Hall) -> None:
    hall.place("bob", "NO", 4, 45)
    browser = hall.browser("alice")
    shown = browser.post(f"{hall.page}/orders", {**TICKET, "step": "review"})
    assert shown.status_code == 200
    for text in ("Fills now", "4 at 55¢", "Stays in the book", "6 at 60¢", "5.80", "0.0580", "6.06", "▲ +4.05"):
        assert text in shown.content.decode(), text
    assert not Order.objects.filter(agent=hall.agents["alice"]).exists()
    done = browser.post(f"{hall.page}/orders", {**TICKET, "step": "place", "command_id": "once-and-only"})
    assert done.status_code == 302
    assert Order.objects.get(agent=hall.agents["alice"]).filled == 4


def test_the_same_form_sent_twice_places_one_order(hall: Hall) -> None:
    browser = hall.browser("alice")
    for _ in range(2):
        browser.post(f"{hall.page}/orders", {**TICKET, "step": "place", "command_id": "once-and-only"})
    assert Order.objects.filter(agent=hall.agents["alice"]).count() == 1


def test_what_is_changed_before_it_is_confirmed_keeps_what_was_typed(hall: Hall) -> None:
    shown = hall.browser("alice").post(f"{hall.page}/orders", {**TICKET, "step": "change"})
    assert b'value="60"' in shown.content
    assert b'id="review"' in shown.content
    assert not Order.objects.exists()


WRONG = (
    ({"size": "0"}, "at least 1"),
    ({"size": ""}, "how many shares"),
    ({"size": "1e3"}, "whole number"),
    ({"size": "9" * 40}, "too large"),
    ({"size": "9" * 18}, "shares"),
    ({"price": "100"}, "from 1 to 99"),
    ({"price": "0.005"}, "decimals"),
    ({"price": "-1"}, "whole cents"),
    ({"price": ""}, "whole cents"),
    ({"outcome": "MAYBE"}, "YES or NO"),
    ({"order_type": "market", "time_in_force": "gtc"}, "never rests"),
    ({"time_in_force": "gtd", "expires_at": "2001-01-01T00:00"}, "in the future"),
    ({"time_in_force": "gtd", "expires_at": "soon"}, "date and time"),
    ({"time_in_force": "never"}, "time_in_force"),
)


def test_a_wrong_order_is_told_with_what_was_typed(hall: Hall) -> None:
    browser = hall.browser("alice")
    for wrong, said in WRONG:
        shown = browser.post(f"{hall.page}/orders", {**TICKET, **wrong, "step": "review"})
        assert (shown.status_code, said in shown.content.decode()) == (422, True), wrong
        assert b'role="alert"' in shown.content
        assert browser.post(f"{hall.page}/orders", {**TICKET, **wrong, "step": "place"}).status_code == 422, wrong
    assert not Order.objects.exists()


def test_what_costs_too_much_cannot_be_confirmed(hall: Hall) -> None:
    shown = hall.browser("alice").post(f"{hall.page}/orders", {**TICKET, "size": "5000"}).content.decode()
    assert "more than is available" in shown
    refused = hall.browser("alice").post(f"{hall.page}/orders", {**TICKET, "size": "5000", "step": "place"})
    assert refused.status_code == 422


def test_a_price_may_be_typed_as_a_probability(hall: Hall) -> None:
    hall.browser("alice").post(f"{hall.page}/orders", {**TICKET, "price": "0.6", "step": "place"})
    assert Order.objects.get().price == 60


def test_the_estimate_says_what_a_sale_brings(hall: Hall) -> None:
    hall.trade()
    hall.place("carol", "YES", 10, 70)
    sale = {**TICKET, "action": "sell", "size": "10", "price": "65"}
    shown = hall.browser("alice").get(f"{hall.page}/estimate", sale).content.decode()
    assert "You get" in shown
    assert "6.93" in shown
    assert "▲ +0.93" in shown
    assert hall.browser("alice").get(f"{hall.page}/estimate", {"size": "x"}).content.strip() == b""


def test_the_review_tells_of_an_own_order_that_would_be_met(hall: Hall) -> None:
    hall.place("bob", "NO", 3, 45)
    hall.place("alice", "NO", 5, 42)
    shown = hall.browser("alice").post(f"{hall.page}/orders", {**TICKET, "step": "review"}).content.decode()
    assert "order of your own at 58¢" in shown
    assert "3 at 55¢" in shown
    done = hall.browser("alice").post(f"{hall.page}/orders", {**TICKET, "step": "place"}, follow=True)
    assert "cancelled (self trade prevention), 3 filled" in done.content.decode()


def test_an_order_is_replaced_and_cancelled_in_its_row(hall: Hall) -> None:
    number = hall.place("alice", "YES", 10, 40).number
    browser, at = hall.browser("alice"), f"{hall.page}/orders/{hall.id(number)}"
    assert b'name="price"' in browser.get(f"{at}/edit").content
    assert b"replace-form" in browser.get(f"{hall.page}?replace={hall.id(number)}").content
    assert browser.post(f"{at}/replace", {"size": "8", "price": "41"}).status_code == 302
    row = queries.order(hall.stream, number)
    assert (row.size, row.price) == (8, 41)
    assert browser.post(f"{at}/replace", {"size": "8", "price": "400"}).status_code == 422
    assert browser.post(f"{at}/cancel").status_code == 302
    assert queries.order(hall.stream, number).status == "cancelled"
    assert browser.post(f"{at}/cancel").status_code == 422


def test_nobody_touches_anothers_order(hall: Hall) -> None:
    number = hall.place("alice", "YES", 10, 40).number
    at = f"{hall.page}/orders/{hall.id(number)}"
    for who in ("bob", "stranger"):
        browser = hall.browser(who)
        assert browser.get(f"{at}/edit").status_code == 404
        assert browser.post(f"{at}/cancel").status_code == 422
        assert browser.post(f"{at}/replace", {"size": "1"}).status_code == 422
    assert queries.order(hall.stream, number).status == "open"


def test_all_orders_of_a_market_are_cancelled_at_once(hall: Hall) -> None:
    for price in (40, 41):
        hall.place("alice", "YES", 10, price)
    assert hall.browser("alice").post(f"{hall.page}/orders/cancel").status_code == 302
    assert set(Order.objects.values_list("status", flat=True)) == {"cancelled"}


def test_sets_are_split_and_merged(hall: Hall) -> None:
    browser = hall.browser("carol")
    assert browser.post(f"{hall.page}/sets", {"do": "split", "size": "30"}).status_code == 302
    assert browser.post(f"{hall.page}/sets", {"do": "merge", "size": "10"}).status_code == 302
    held = queries.position(hall.stream, hall.market, hall.agents["carol"])
    assert (held.yes, held.no, hall.agent("carol").balance) == (20, 20, 9_800_000)
    refused = browser.post(f"{hall.page}/sets", {"do": "merge", "size": "21"})
    assert (refused.status_code, b"20 are available" in refused.content) == (422, True)


def test_with_htmx_the_answer_is_what_changed(hall: Hall) -> None:
    answer = hall.browser("alice").post(
        f"{hall.page}/orders", {**TICKET, "step": "place"}, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 200
    for name in ("ticket", "orders", "book", "odds", "position", "acting", "flash"):
        assert f'id="{name}"' in answer.content.decode(), name


def test_without_the_forms_token_nothing_happens(hall: Hall) -> None:
    browser = hall.browser("alice", checks=True)
    for form in ("orders", "orders/cancel", "sets"):
        assert browser.post(f"{hall.page}/{form}", TICKET).status_code == 403
