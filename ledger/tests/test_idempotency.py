"""Every command has an id; repeating it is a no-op with the same answer."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from common.errors import DomainError
from common.ids import Actor
from ledger.models import Command, Event
from ledger.runtime import Runtime
from ledger.tests.conftest import MakeRuntime, open_counter
from ledger.tests.counter import ANN, BOB, Add, CounterRow, Nothing
from ledger.tests.crowd import gathered, together
from ledger.tickets import BulkOutcome, Item, Outcome, fingerprint


def test_the_same_id_and_content_give_the_first_answer_again(runtime: Runtime, stream: UUID) -> None:
    first = runtime.execute(stream, Add(1), ANN, command_id="mine")
    runtime.execute(stream, Add(1), ANN)
    assert runtime.execute(stream, Add(1), ANN, command_id="mine") == first._replace(replayed=True)
    assert asyncio.run(runtime.aexecute(stream, Add(1), ANN, command_id="mine")) == first._replace(replayed=True)
    assert CounterRow.objects.get().value == 2


def test_another_process_gives_the_same_answer(make_runtime: MakeRuntime) -> None:
    one, other = make_runtime(), make_runtime()
    stream = open_counter(one)
    first = one.execute(stream, Add(1), ANN, command_id="mine")
    assert other.execute(stream, Add(1), ANN, command_id="mine") == first._replace(replayed=True)


@pytest.mark.parametrize("other", [Add(2), Add(1, "b"), Nothing()])
def test_the_same_id_with_other_content_is_a_conflict(runtime: Runtime, stream: UUID, other: object) -> None:
    runtime.execute(stream, Add(1), ANN, command_id="mine")
    with pytest.raises(DomainError) as refused:
        runtime.execute(stream, other, ANN, command_id="mine")
    assert refused.value.code == "idempotency_conflict"
    runtime.forget()
    with pytest.raises(DomainError):
        runtime.execute(stream, other, ANN, command_id="mine")
    assert Event.objects.filter(stream_id=stream).count() == 2


def test_ids_belong_to_their_actor(runtime: Runtime, stream: UUID) -> None:
    one = runtime.execute(stream, Add(1), ANN, command_id="mine")
    other = runtime.execute(stream, Add(2), BOB, command_id="mine")
    assert (one.first_seq, other.first_seq) == (2, 3)
    assert not other.replayed


def test_ids_belong_to_their_stream(runtime: Runtime) -> None:
    outcomes = [runtime.execute(open_counter(runtime), Add(1), ANN, command_id="mine") for _ in range(2)]
    assert [outcome.replayed for outcome in outcomes] == [False, False]


def test_a_refused_command_is_not_stored_and_is_decided_anew(runtime: Runtime, stream: UUID) -> None:
    for _ in range(2):
        with pytest.raises(DomainError) as refused:
            runtime.execute(stream, Add(-1), ANN, command_id="mine")
        assert refused.value.code == "too_low"
    assert not Command.objects.filter(command_id="mine").exists()
    runtime.execute(stream, Add(1), ANN)
    assert not runtime.execute(stream, Add(-1), ANN, command_id="mine").replayed
    assert runtime.execute(stream, Add(-1), ANN, command_id="mine").replayed


def test_duplicates_in_one_batch_happen_once(runtime: Runtime, stream: UUID) -> None:
    answers = gathered(lambda: [runtime.aexecute(stream, Add(1), ANN, command_id=f"{n % 4}") for n in range(64)])
    outcomes = [answer for answer in answers if isinstance(answer, Outcome)]
    assert [outcome.replayed for outcome in outcomes] == [False] * 4 + [True] * 60
    for number, outcome in enumerate(outcomes):
        assert outcome._replace(replayed=False) == outcomes[number % 4]
    assert CounterRow.objects.get().value == 4


def test_a_conflict_in_one_batch_is_seen(runtime: Runtime, stream: UUID) -> None:
    answers = gathered(lambda: [runtime.aexecute(stream, Add(n + 1), ANN, command_id="mine") for n in range(3)])
    assert isinstance(answers[0], Outcome)
    assert [getattr(answer, "code", "") for answer in answers[1:]] == ["idempotency_conflict"] * 2


def test_fifty_at_once_under_one_id_have_one_effect(make_runtime: MakeRuntime) -> None:
    runtimes = [make_runtime() for _ in range(3)]
    stream = open_counter(runtimes[0])
    answers = together(50, lambda n: runtimes[n % 3].execute(stream, Add(1), ANN, command_id="mine"))
    outcomes = [answer for answer in answers if isinstance(answer, Outcome)]
    assert len(outcomes) == 50
    assert {(outcome.first_seq, outcome.last_seq) for outcome in outcomes} == {(2, 2)}
    assert [outcome.replayed for outcome in outcomes].count(False) == 1
    assert CounterRow.objects.get().value == 1


# Bulks


def items(commands: Sequence[Add], *, scope: str = "", ids: str = "") -> list[Item]:
    """`ids` has one character for each: its id in `scope`."""
    return [
        Item(command, ids[number] if ids else "", scope, fingerprint(command))
        for number, command in enumerate(commands)
    ]


def fates(answer: BulkOutcome) -> list[object]:
    return [
        (result.first_seq, result.last_seq, result.replayed) if isinstance(result, Outcome) else result.code
        for result in answer.results
    ]


def test_a_bulk_stores_its_refusals(runtime: Runtime, stream: UUID) -> None:
    bulk = items([Add(1), Add(-5), Add(1, "b")])
    first = runtime.execute_bulk(stream, bulk, ANN, command_id="bulk")
    assert fates(first) == [(2, 2, False), "too_low", (3, 3, False)]
    runtime.execute(stream, Add(100), ANN)
    for _ in range(2):
        again = runtime.execute_bulk(stream, bulk, ANN, command_id="bulk")
        assert again.replayed
        assert fates(again) == [(2, 2, True), "too_low", (3, 3, True)]
        before, after = first.results[1], again.results[1]
        assert isinstance(before, DomainError)
        assert isinstance(after, DomainError)
        assert (after.code, after.detail, after.field) == (before.code, before.detail, before.field)
        runtime.forget()
    assert CounterRow.objects.get(name="a").value == 101


def test_a_bulk_with_other_content_is_a_conflict(runtime: Runtime, stream: UUID) -> None:
    runtime.execute_bulk(stream, items([Add(1), Add(2)]), ANN, command_id="bulk")
    for other in ([Add(1)], [Add(2), Add(1)], [Add(1), Add(2), Add(3)]):
        with pytest.raises(DomainError) as refused:
            runtime.execute_bulk(stream, items(other), ANN, command_id="bulk")
        assert refused.value.code == "idempotency_conflict"


def test_a_bulk_and_a_single_command_cannot_share_an_id(runtime: Runtime, stream: UUID) -> None:
    runtime.execute_bulk(stream, items([Add(1)]), ANN, command_id="bulk")
    with pytest.raises(DomainError) as refused:
        runtime.execute(stream, Add(1), ANN, command_id="bulk")
    assert refused.value.code == "idempotency_conflict"


def test_ids_in_one_bulk_happen_once_each(runtime: Runtime, stream: UUID) -> None:
    bulk = items([Add(1), Add(2), Add(1), Add(3), Add(2)], scope="own", ids="xyxzy")
    answer = runtime.execute_bulk(stream, bulk, ANN)
    assert fates(answer) == [(2, 2, False), (3, 3, False), (2, 2, True), (4, 4, False), (3, 3, True)]
    assert CounterRow.objects.get().value == 6


def test_an_id_used_twice_in_one_bulk_for_other_content_is_a_conflict(runtime: Runtime, stream: UUID) -> None:
    answer = runtime.execute_bulk(stream, items([Add(1), Add(2)], scope="own", ids="xx"), ANN)
    assert fates(answer) == [(2, 2, False), "idempotency_conflict"]


def test_an_id_done_before_is_a_repeat_in_a_later_bulk_and_alone(runtime: Runtime, stream: UUID) -> None:
    runtime.execute_item(stream, items([Add(1)], scope="own", ids="x")[0], ANN)
    later = runtime.execute_bulk(stream, items([Add(2), Add(1)], scope="own", ids="yx"), ANN, command_id="bulk")
    assert fates(later) == [(3, 3, False), (2, 2, True)]
    alone = runtime.execute_item(stream, items([Add(2)], scope="own", ids="y")[0], ANN)
    assert (alone.first_seq, alone.replayed) == (3, True)
    again = runtime.execute_bulk(stream, items([Add(2), Add(1)], scope="own", ids="yx"), ANN, command_id="bulk")
    assert fates(again) == [(3, 3, True), (2, 2, True)]


def test_a_scope_is_shared_by_all_who_act_in_it(runtime: Runtime, stream: UUID) -> None:
    """A client_order_id is unique for its participant, whoever acts for them."""
    [item] = items([Add(1)], scope="participant:x", ids="1")
    assert not runtime.execute_item(stream, item, ANN).replayed
    assert runtime.execute_item(stream, item, BOB).replayed


def test_items_without_an_id_are_found_under_the_id_of_their_bulk(runtime: Runtime, stream: UUID) -> None:
    runtime.execute_bulk(stream, items([Add(1), Add(2)]), ANN, command_id="bulk")
    stored = Event.objects.filter(stream_id=stream, seq__gt=1).values_list("command_id", flat=True)
    assert list(stored) == ["bulk", "bulk"]
    assert Command.objects.filter(command_id="bulk").count() == 1


def test_a_bulk_in_which_all_is_refused_is_still_an_answer(runtime: Runtime, stream: UUID) -> None:
    bulk = items([Add(-1), Add(-2)])
    for is_repeat in (False, True):
        answer = runtime.execute_bulk(stream, bulk, ANN, command_id="bulk")
        assert (answer.replayed, fates(answer)) == (is_repeat, ["too_low", "too_low"])
    assert Event.objects.filter(stream_id=stream).count() == 1


def test_bulks_and_singles_of_many_actors_keep_apart(runtime: Runtime, stream: UUID) -> None:
    def work(number: int) -> list[bool]:
        actor, again = Actor(f"actor {number % 4}"), []
        for turn in range(5):
            again.append(runtime.execute(stream, Add(1), actor, command_id=f"single {turn}").replayed)
            bulk = items([Add(1), Add(1)])
            again.append(runtime.execute_bulk(stream, bulk, actor, command_id=f"bulk {turn}").replayed)
        return again

    answers = together(16, work)
    assert sum(again.count(False) for again in answers if isinstance(again, list)) == 4 * 10
    assert CounterRow.objects.get().value == 4 * 5 * 3


def test_a_command_with_two_ids_is_found_under_either(runtime: Runtime, stream: UUID) -> None:
    [item] = items([Add(1)], scope="own", ids="x")
    first = runtime.execute_item(stream, item, ANN, command_id="request")
    again = first._replace(replayed=True)
    for _ in range(2):
        assert runtime.execute_item(stream, item, ANN, command_id="request") == again._replace(command_id="request")
        assert runtime.execute_item(stream, item, ANN) == again
        assert runtime.execute_item(stream, item, ANN, command_id="another request").first_seq == first.first_seq
        runtime.forget()
    assert CounterRow.objects.get().value == 1


@pytest.mark.parametrize("ids", ["x", "y"])
def test_neither_of_two_ids_may_belong_to_another_command(runtime: Runtime, stream: UUID, ids: str) -> None:
    runtime.execute_item(stream, items([Add(1)], scope="own", ids="x")[0], ANN, command_id="request")
    with pytest.raises(DomainError) as refused:
        runtime.execute_item(stream, items([Add(2)], scope="own", ids=ids)[0], ANN, command_id="request")
    assert refused.value.code == "idempotency_conflict"
    assert CounterRow.objects.get().value == 1
