"""Orders by handlers: receipts, client ids, repeats, bulk."""

import pytest

from common.errors import DomainError
from common.ids import Actor
from ledger.models import Event
from markets import queries, requests
from markets.engine import commands as c
from markets.handlers import orders
from markets.handlers.orders import OrderReceipt
from markets.models import Order
from markets.queries import SessionInfo
from markets.tests.floor import OLIVIA, at_once, open_session, order, place, user

pytestmark = pytest.mark.usefixtures("ledger")
ONE = 10_000


def replace(
    session: SessionInfo, number: int, handle: str = "alice", *, key: str = "", **body: object
) -> OrderReceipt:
    command = requests.replace_order(session, number, body)
    return orders.replace_order(session.stream, command, user(handle), command_id=key)


def cancel(session: SessionInfo, number: int, handle: str = "alice", *, key: str = "") -> OrderReceipt:
    return orders.cancel_order(session.stream, c.CancelOrder(order=number), user(handle), command_id=key)


def anew(receipt: OrderReceipt) -> OrderReceipt:
    """The receipt of a repeat, but for saying so."""
    assert receipt.replayed
    values = {name: getattr(receipt, name) for name in OrderReceipt.__dataclass_fields__}
    return OrderReceipt(**{**values, "replayed": False})


def code_of(refused: object) -> str:
    assert isinstance(refused, DomainError)
    return refused.code


def count_placed() -> int:
    return Event.objects.filter(type="OrderPlaced").count()


# Receipts


def test_a_receipt_says_what_the_order_s_row_says() -> None:
    session = open_session(people=("alice", "bob", "carol"))
    place(session, "alice", "sell", 5, 150)
    place(session, "carol", "sell", 5, 151)
    receipt = place(session, "bob", "buy", 12, 152, client_order_id="mine")
    assert [(fill.quantity, fill.price, fill.is_maker) for fill in receipt.fills] == [
        (5 * ONE, 150 * ONE, False),
        (5 * ONE, 151 * ONE, False),
    ]
    row = queries.order(session.stream, receipt.number)
    for name in ("participant", "asset", "quote_asset", "is_buy", "order_type", "quantity", "price", "filled"):
        assert getattr(receipt, name) == getattr(row, name)
    for name in ("time_in_force", "status", "reason", "client_order_id", "created_at", "updated_at"):
        assert getattr(receipt, name) == getattr(row, name)
    assert (receipt.status, receipt.filled, receipt.replayed) == ("partially_filled", 10 * ONE, False)


def test_a_market_order_on_an_empty_book_has_a_receipt_and_no_error() -> None:
    receipt = place(open_session(), "alice", "sell", 5)
    assert (receipt.status, receipt.reason, receipt.filled, receipt.fills) == ("cancelled", "no_liquidity", 0, ())


def test_the_receipt_of_a_cancel_holds_what_was_filled() -> None:
    session = open_session()
    number = place(session, "alice", "sell", 5, 150).number
    place(session, "bob", "buy", 2, 150)
    receipt = cancel(session, number)
    assert (receipt.status, receipt.reason, receipt.filled) == ("cancelled", "requested", 2 * ONE)
    row = queries.order(session.stream, number)
    assert (row.status, row.filled, row.updated_at) == ("cancelled", 2 * ONE, receipt.updated_at)


def test_the_receipt_of_a_replacement_holds_its_new_terms_and_its_fills() -> None:
    session = open_session()
    number = place(session, "alice", "sell", 5, 150).number
    place(session, "bob", "buy", 1, 149)
    place(session, "bob", "buy", 1, 150)
    receipt = replace(session, number, price=149, quantity=8)
    assert (receipt.number, receipt.quantity, receipt.price) == (number, 8 * ONE, 149 * ONE)
    assert [(fill.quantity, fill.price) for fill in receipt.fills] == [(ONE, 149 * ONE)]
    assert (receipt.filled, receipt.status) == (2 * ONE, "partially_filled")


def test_all_orders_of_somebody_are_cancelled_and_named() -> None:
    session = open_session()
    numbers = [place(session, "alice", "sell", 1, price).number for price in (150, 151)]
    place(session, "bob", "sell", 1, 150)
    command = c.CancelOrders(participant="alice")
    assert orders.cancel_orders(session.stream, command, user("alice")) == numbers
    assert orders.cancel_orders(session.stream, command, user("alice")) == []


# client_order_id


def test_the_same_client_order_id_with_the_same_content_is_answered_again() -> None:
    session = open_session()
    first = place(session, "alice", "sell", 5, 150, client_order_id="a1")
    place(session, "bob", "buy", 2, 150)
    again = place(session, "alice", "sell", 5, 150, client_order_id="a1")
    assert (again.number, again.replayed, count_placed()) == (first.number, True, 2)
    assert anew(again) == first


def test_a_client_order_id_answers_even_after_the_order_is_over_and_the_session_too() -> None:
    session = open_session()
    first = place(session, "alice", "sell", 5, 150, client_order_id="a1")
    cancel(session, first.number)
    assert anew(place(session, "alice", "sell", 5, 150, client_order_id="a1")) == first
    from markets.handlers import sessions

    sessions.close_session(session.stream, OLIVIA)
    assert anew(place(session, "alice", "sell", 5, 150, client_order_id="a1")) == first


def test_the_same_client_order_id_with_other_content_is_a_conflict() -> None:
    session = open_session()
    place(session, "alice", "sell", 5, 150, client_order_id="a1")
    for quantity, price in ((5, 151), (6, 150)):
        with pytest.raises(DomainError) as caught:
            place(session, "alice", "sell", quantity, price, client_order_id="a1")
        assert caught.value.code == "idempotency_conflict"
    assert count_placed() == 1


def test_a_client_order_id_is_each_participant_s_own_and_each_session_s() -> None:
    session, other = open_session(), open_session(session_id="other")
    place(session, "alice", "sell", 5, 150, client_order_id="a1")
    assert not place(session, "bob", "sell", 5, 150, client_order_id="a1").replayed
    assert not place(other, "alice", "sell", 5, 150, client_order_id="a1").replayed


def test_nobody_else_gets_the_answer_to_a_client_order_id() -> None:
    session = open_session()
    place(session, "alice", "sell", 5, 150, client_order_id="a1")
    command = order(session, "alice", "sell", 5, 150, client_order_id="a1")
    with pytest.raises(DomainError) as caught:
        orders.place_order(session.stream, command, user("bob"))
    assert caught.value.code in {"idempotency_conflict", "not_yours"}


def test_a_refused_order_does_not_use_its_client_order_id_up() -> None:
    session = open_session()
    with pytest.raises(DomainError):
        place(session, "alice", "sell", 500, 150, client_order_id="a1")
    assert place(session, "alice", "sell", 5, 150, client_order_id="a1").status == "open"


@pytest.mark.parametrize("client_order_id", ["x" * 64, "ä € 😀", "' OR 1=1 --", '{"a": [1, "\\"]}', "a,b\\c{}"])
def test_a_client_order_id_is_kept_as_it_is(client_order_id: str) -> None:
    session = open_session()
    number = place(session, "alice", "sell", 5, 150, client_order_id=client_order_id).number
    assert queries.order(session.stream, number).client_order_id == client_order_id
    assert place(session, "alice", "sell", 5, 150, client_order_id=client_order_id).replayed


def test_thirty_two_duplicates_at_once_make_one_order_and_thirty_two_equal_answers() -> None:
    session = open_session()
    answers = at_once([lambda: place(session, "alice", "sell", 5, 150, client_order_id="storm") for _ in range(32)])
    receipts = [answer for answer in answers if isinstance(answer, OrderReceipt)]
    assert len(receipts) == 32
    assert len({receipt.number for receipt in receipts}) == 1
    assert sum(not receipt.replayed for receipt in receipts) == 1
    assert Order.objects.count() == count_placed() == 1


def test_orders_of_many_at_once_never_spend_more_than_there_is() -> None:
    session = open_session()
    answers = at_once([lambda: place(session, "alice", "sell", 7, 150) for _ in range(16)])
    assert sum(isinstance(answer, OrderReceipt) for answer in answers) == 7
    assert {answer.code for answer in answers if isinstance(answer, DomainError)} == {"insufficient_units"}
    assert queries.allocations(session.stream)["alice"]["AAPL"].available == ONE


# Repeats under a command's id


def test_a_repeated_place_replace_and_cancel_are_answered_the_same_whatever_happened_since() -> None:
    session = open_session()
    command = order(session, "alice", "sell", 5, 150)
    placed = orders.place_order(session.stream, command, user("alice"), command_id="k1")
    shrunk = replace(session, placed.number, key="k2", quantity=4)
    place(session, "bob", "buy", 1, 150)
    moved = replace(session, placed.number, key="k3", price=151)
    cancelled = cancel(session, placed.number, key="k4")
    assert anew(orders.place_order(session.stream, command, user("alice"), command_id="k1")) == placed
    assert anew(replace(session, placed.number, key="k2", quantity=4)) == shrunk
    assert anew(replace(session, placed.number, key="k3", price=151)) == moved
    assert anew(cancel(session, placed.number, key="k4")) == cancelled
    assert (shrunk.filled, moved.filled, cancelled.filled) == (0, ONE, ONE)


def test_the_same_id_for_another_command_is_a_conflict_and_another_actor_s_id_is_another_id() -> None:
    session = open_session()
    number = place(session, "alice", "sell", 5, 150).number
    replace(session, number, key="k1", quantity=4)
    with pytest.raises(DomainError) as caught:
        replace(session, number, key="k1", quantity=3)
    assert caught.value.code == "idempotency_conflict"
    with pytest.raises(DomainError) as caught:
        cancel(session, number, key="k1")
    assert caught.value.code == "idempotency_conflict"
    command = c.CancelOrder(order=number)
    orders.cancel_order(session.stream, command, OLIVIA, command_id="k1")


# Bulk


def test_a_bulk_does_what_it_can_in_order_and_says_what_it_refused() -> None:
    session = open_session()
    number = place(session, "alice", "sell", 5, 150).number
    results = orders.bulk_orders(
        session.stream,
        [
            order(session, "alice", "sell", 45, 151),
            order(session, "alice", "sell", 1, 152),
            c.CancelOrder(order=number),
            order(session, "alice", "sell", 1, 152),
            c.ReplaceOrder(order=number, price=153 * ONE),
            order(session, "bob", "sell", 1, 152),
        ],
        user("alice"),
    )
    assert [result.status if isinstance(result, OrderReceipt) else result.code for result in results] == [
        "open",
        "insufficient_units",
        "cancelled",
        "open",
        "order_not_open",
        "not_yours",
    ]


def test_a_repeated_bulk_is_answered_the_same_refusals_included() -> None:
    session = open_session()
    commands = [
        order(session, "alice", "sell", 40, 150),
        order(session, "alice", "sell", 40, 151),
        order(session, "alice", "sell", 5, 152, client_order_id="in-bulk"),
    ]
    first = orders.bulk_orders(session.stream, commands, user("alice"), command_id="bulk-1")
    for result in first:
        if isinstance(result, OrderReceipt):
            cancel(session, result.number)
    again = orders.bulk_orders(session.stream, commands, user("alice"), command_id="bulk-1")
    for one, other in zip(first, again, strict=True):
        if isinstance(one, OrderReceipt):
            assert isinstance(other, OrderReceipt)
            assert anew(other) == one
        else:
            assert isinstance(other, DomainError)
            assert (one.code, one.detail, one.field) == (other.code, other.detail, other.field)
    assert count_placed() == 2
    with pytest.raises(DomainError) as caught:
        orders.bulk_orders(session.stream, commands[:1], user("alice"), command_id="bulk-1")
    assert caught.value.code == "idempotency_conflict"


def test_a_client_order_id_counts_within_a_bulk_and_across_bulks() -> None:
    session = open_session()
    single = place(session, "alice", "sell", 1, 150, client_order_id="x")
    same = order(session, "alice", "sell", 1, 150, client_order_id="x")
    other = order(session, "alice", "sell", 2, 150, client_order_id="x")
    fresh = order(session, "alice", "sell", 1, 151, client_order_id="y")
    results = orders.bulk_orders(session.stream, [same, other, fresh, fresh], user("alice"))
    assert isinstance(results[0], OrderReceipt)
    assert (results[0].number, results[0].replayed) == (single.number, True)
    assert code_of(results[1]) == "idempotency_conflict"
    assert isinstance(results[2], OrderReceipt)
    assert isinstance(results[3], OrderReceipt)
    assert (results[3].number, results[3].replayed) == (results[2].number, True)
    assert count_placed() == 2


def test_a_bulk_has_one_to_a_thousand_commands() -> None:
    session = open_session()
    for count in (0, 1001):
        commands = [c.CancelOrder(order=1)] * count
        with pytest.raises(DomainError) as caught:
            orders.bulk_orders(session.stream, commands, user("alice"))
        assert (caught.value.code, caught.value.field) == ("invalid_bulk", "orders")


def test_a_thousand_orders_in_one_bulk_are_one_batch() -> None:
    from ledger.runtime import runtime

    session = open_session()
    before = runtime.counters.batches
    commands = [order(session, "alice", "sell", "0.05", 150 + n % 7) for n in range(1000)]
    results = orders.bulk_orders(session.stream, commands, user("alice"))
    assert all(isinstance(result, OrderReceipt) and result.status == "open" for result in results)
    assert runtime.counters.batches == before + 1
    assert sum(level.orders for level in queries.book(session.stream, "AAPL").asks) == 1000
    assert queries.allocations(session.stream)["alice"]["AAPL"].available == 0


def test_in_a_bulk_an_organiser_may_act_for_several() -> None:
    session = open_session()
    commands = [order(session, "alice", "sell", 1, 150), order(session, "bob", "buy", 1, 150)]
    results = orders.bulk_orders(session.stream, commands, Actor("desk", organiser=True))
    assert [result.status for result in results if isinstance(result, OrderReceipt)] == ["open", "filled"]
