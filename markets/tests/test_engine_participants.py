"""The treasury, allocations, cash, joining and leaving."""

import pytest

from common.money import LIMIT
from markets.engine import commands as c
from markets.engine import events as e
from markets.tests.driver import MINUTE, OLIVIA, Market, names, user


def join(handle: str, who: str | None = None) -> c.JoinSession:
    return c.JoinSession(participant=handle, user=user(who or handle).id)


def allocate(**allocations: dict[str, int]) -> c.AssignAllocations:
    return c.AssignAllocations(allocations=allocations)


# Splitting


def test_a_basket_of_100_and_60_on_two_participants_gives_50_and_30_each() -> None:
    market = Market(people=("alice", "bob"), q=(100, 60))
    assert market.owns("alice")[:2] == market.owns("bob")[:2] == (50, 30)
    assert market.treasury() == (0, 0, 0)


def test_three_participants_share_100_60_and_80_exactly_and_the_first_get_the_leftover_units() -> None:
    market = Market(legs=("AAPL", "NVDA", "META"), q=(100, 60, 80), cash_per_participant=0)
    assert [market.owns(handle) for handle in ("alice", "bob", "carol")] == [
        (34, 20, 27, 0),
        (33, 20, 27, 0),
        (33, 20, 26, 0),
    ]
    assert market.treasury() == (0, 0, 0, 0)


def test_leftover_units_follow_the_order_of_joining_and_not_the_alphabet() -> None:
    market = Market(people=("zoe", "alice"), q=(3, 5))
    assert market.owns("zoe")[:2] == (2, 3)
    assert market.owns("alice")[:2] == (1, 2)


def test_an_equal_split_passes_over_those_who_have_an_allocation() -> None:
    market = Market(split=False)
    market.do(allocate(bob={"AAPL": 20}))
    market.do(c.AssignAllocations())
    assert [market.owns(handle)[:2] for handle in ("alice", "bob", "carol")] == [(50, 30), (20, 0), (50, 30)]


def test_a_second_split_without_a_newcomer_is_refused() -> None:
    assert Market().refuse(c.AssignAllocations()).code == "nobody_to_allocate"


def test_a_split_of_an_empty_treasury_is_refused() -> None:
    market = Market()
    market.do(join("dave"), user("dave"))
    assert market.refuse(c.AssignAllocations()).code == "treasury_empty"


# Custom allocations


def test_a_custom_allocation_moves_units_from_the_treasury() -> None:
    market = Market(split=False)
    decided = market.do(allocate(alice={"AAPL": 100, "NVDA": 0}, bob={"NVDA": 60}))
    assert decided == [
        e.InitialAllocationAssigned("alice", {"AAPL": 100}),
        e.InitialAllocationAssigned("bob", {"NVDA": 60}),
    ]
    assert market.owns("alice")[:2] == (100, 0)
    assert market.treasury() == (20, 0, 0)


def test_allocations_beyond_the_treasury_are_refused_together() -> None:
    market = Market(split=False)
    refused = market.refuse(allocate(alice={"AAPL": 100}, bob={"AAPL": 21}))
    assert (refused.code, refused.field) == ("treasury_short", "allocations")
    assert refused.detail == "121 AAPL are wanted; the treasury holds 120."


@pytest.mark.parametrize(
    ("command", "code", "field"),
    [
        (allocate(mallory={"AAPL": 1}), "unknown_participant", "allocations.mallory"),
        (allocate(treasury={"AAPL": 1}), "unknown_participant", "allocations.treasury"),
        (allocate(alice={"META": 1}), "unknown_leg", "allocations.alice.META"),
        (allocate(alice={"CASH": 1}), "unknown_leg", "allocations.alice.CASH"),
        (allocate(alice={"AAPL": -1}), "invalid_allocation", "allocations.alice.AAPL"),
    ],
)
def test_a_bad_allocation_is_refused_by_naming_who_and_what(
    command: c.AssignAllocations, code: str, field: str
) -> None:
    refused = Market(split=False).refuse(command)
    assert (refused.code, refused.field) == (code, field)


def test_only_the_organiser_allocates() -> None:
    assert Market(split=False).refuse(c.AssignAllocations(), user("alice")).code == "not_organiser"


# An open basket


@pytest.mark.parametrize("q", [(), (0, 0)])
def test_an_open_basket_is_fixed_by_the_first_allocation(q: tuple[int, ...]) -> None:
    market = Market(q=q, split=False)
    assert market.treasury() == (0, 0, 0)
    decided = market.do(allocate(alice={"AAPL": 70, "NVDA": 10}, bob={"AAPL": 30, "NVDA": 50}))
    assert names(decided) == ["BasketFixed", "InitialAllocationAssigned", "InitialAllocationAssigned"]
    assert market.state.facts.q == (100, 60)
    assert market.treasury() == (0, 0, 0)
    assert market.refuse(allocate(carol={"AAPL": 1})).code == "treasury_short"


def test_an_open_basket_may_be_fixed_at_creation_by_the_participants_allocations() -> None:
    alice = c.Admission(participant="alice", user="user-alice", amounts={"AAPL": 7, "NVDA": 1})
    market = Market(q=(), participants=(alice,), split=False)
    assert market.state.facts.q == (7, 1)


def test_an_open_basket_cannot_be_split_equally() -> None:
    assert Market(q=(), split=False).refuse(c.AssignAllocations()).code == "basket_open"


def test_an_open_basket_is_not_fixed_with_nothing_of_a_leg() -> None:
    refused = Market(q=(), split=False).refuse(allocate(alice={"AAPL": 5}))
    assert refused.code == "invalid_allocation"


def test_an_open_basket_is_not_fixed_beyond_64_bits() -> None:
    market = Market(q=(), split=False)
    command = allocate(alice={"AAPL": LIMIT - 1, "NVDA": 1}, bob={"AAPL": 1})
    assert market.refuse(command).code == "too_large"


def test_an_open_basket_stays_open_for_ever_once_there_was_an_order() -> None:
    market = Market(q=(), split=False)
    number = market.place("alice", "buy", 1, 5)
    market.do(c.CancelOrder(order=number), user("alice"))
    assert market.refuse(allocate(alice={"AAPL": 5, "NVDA": 5})).code == "basket_open"


def test_an_open_basket_stays_open_for_ever_once_there_was_an_rfq() -> None:
    market = Market(q=(), split=False)
    market.do(c.CancelRfq(rfq=market.ask("alice", 1)), user("alice"))
    assert market.refuse(allocate(alice={"AAPL": 5, "NVDA": 5})).code == "basket_open"


# Joining


def test_a_late_joiner_gets_cash_and_no_legs() -> None:
    market = Market()
    assert market.do(join("dave"), user("dave")) == [
        e.ParticipantJoined("dave", "user-dave"),
        e.CashIssued("dave", 100_000),
    ]
    assert market.owns("dave") == (0, 0, 100_000)
    assert market.state.facts.cash_issued == 400_000


def test_a_pure_relative_value_session_issues_no_cash() -> None:
    market = Market(cash_per_participant=0)
    assert names(market.do(join("dave"), user("dave"))) == ["ParticipantJoined"]
    assert market.state.facts.cash_issued == 0


@pytest.mark.parametrize("handle", ["treasury", "Treasury", "TREASURY", "CASH", "cash", "Cash"])
def test_reserved_handles_are_refused(handle: str) -> None:
    refused = Market().refuse(join(handle, "dave"), user("dave"))
    assert (refused.code, refused.field) == ("invalid_handle", "participant_id")


@pytest.mark.parametrize("handle", ["", "d" * 33, "da ve", "da/ve", "däve", "dave\n", "<b>", "d\x00", ".", ".."])
def test_a_handle_that_is_no_plain_name_is_refused(handle: str) -> None:
    refused = Market().refuse(join(handle, "dave"), user("dave"))
    assert (refused.code, refused.field) == ("invalid_handle", "participant_id")


def test_a_handle_and_a_user_are_in_a_session_only_once() -> None:
    market = Market()
    assert market.refuse(join("alice", "dave"), user("dave")).code == "handle_taken"
    assert market.refuse(join("alicia", "alice"), user("alice")).code == "already_joined"


def test_nobody_but_the_organiser_admits_somebody_else() -> None:
    market = Market()
    assert market.refuse(join("dave"), user("alice")).code == "not_organiser"
    market.do(join("dave"), OLIVIA)
    assert "dave" in market.state.facts.participants


def test_the_organiser_may_take_part_too() -> None:
    market = Market()
    market.do(c.JoinSession(participant="olivia", user=OLIVIA.id), OLIVIA)
    assert market.owns("olivia") == (0, 0, 100_000)


def test_cash_is_never_issued_beyond_64_bits() -> None:
    market = Market(people=("alice",), cash_per_participant=LIMIT // 2)
    assert market.refuse(join("bob"), user("bob")).code == "too_large"


# Leaving


def test_removing_cancels_everything_of_theirs_and_moves_it_all_to_the_treasury() -> None:
    market = Market()
    sell = market.place("alice", "sell", 10, 50)
    buy = market.place("alice", "buy", 5, 40)
    own = market.ask("alice", 10)
    answer = market.quote("bob", own, 50_000_000)
    other = market.ask("bob", 10)
    firm = market.quote("alice", other, 50_000_000, firm=True)
    decided = market.do(c.RemoveParticipant(participant="alice", reason="left"))
    assert decided == [
        e.OrderCancelled(sell, "participant_removed"),
        e.OrderCancelled(buy, "participant_removed"),
        e.QuoteRejected(answer, "rfq_cancelled"),
        e.RFQCancelled(own, "participant_removed"),
        e.QuoteWithdrawn(firm, "participant_removed"),
        e.ParticipantRemoved("alice", "left"),
    ]
    assert market.owns("alice") == (0, 0, 0)
    assert market.treasury() == (40, 20, 100_000)
    assert market.touch() == (None, None)
    assert other in market.state.rfqs


def test_participants_may_leave_by_themselves_but_not_remove_each_other() -> None:
    market = Market()
    assert market.refuse(c.RemoveParticipant(participant="alice"), user("bob")).code == "not_organiser"
    market.do(c.RemoveParticipant(participant="alice"), user("alice"))
    assert market.treasury()[2] == 100_000


def test_whoever_was_removed_can_do_nothing_more_and_is_not_removed_twice() -> None:
    market = Market()
    market.do(c.RemoveParticipant(participant="alice"))
    assert market.refuse_order("alice", "buy", 1, 1).code == "participant_removed"
    assert market.refuse(c.RemoveParticipant(participant="alice")).code == "participant_removed"
    assert market.refuse(allocate(alice={"AAPL": 1})).code == "participant_removed"
    assert market.refuse(c.RemoveParticipant(participant="nobody")).code == "unknown_participant"


def test_whoever_was_removed_comes_back_only_by_the_organiser_and_under_a_new_handle() -> None:
    market = Market()
    market.do(c.RemoveParticipant(participant="alice"))
    assert market.refuse(join("alice2", "alice"), user("alice")).code == "participant_removed"
    assert market.refuse(join("alice"), OLIVIA).code == "handle_taken"
    market.do(join("alice2", "alice"), OLIVIA)
    assert market.owns("alice2") == (0, 0, 100_000)
    assert market.refuse(join("alice3", "alice"), OLIVIA).code == "already_joined"


def test_what_somebody_left_can_be_split_among_newcomers() -> None:
    market = Market()
    market.do(c.RemoveParticipant(participant="alice"))
    market.do(join("dave"), user("dave"))
    market.do(c.AssignAllocations())
    assert market.owns("dave") == (40, 20, 100_000)
    assert market.treasury() == (0, 0, 100_000)


def test_nobody_is_removed_once_the_session_is_closed() -> None:
    market = Market(end_mode="timed", duration=MINUTE)
    market.wait(seconds=60)
    assert market.refuse(c.RemoveParticipant(participant="alice")).code == "session_closed"
