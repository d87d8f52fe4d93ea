"""One ticket that breaks its batch: the others succeed, the culprit alone is told, and nothing is corrupted."""

import asyncio
from collections.abc import Awaitable
from uuid import UUID

import pytest

from common.errors import DomainError, InvariantViolation
from ledger.models import Event, Stream
from ledger.runtime import Runtime
from ledger.tests.counter import ANN, Add, CounterRow, Misbehave
from ledger.tests.crowd import gathered, held, together
from ledger.tickets import Outcome
from ledger.verify import verify_all

CULPRITS = ["bug", "stop", "timeout", "exit", "invariant", "unlawful", "overflow", "huge", "surrogate"]
# SQLite has no lengths of texts and takes a NUL: there these two are no poison.
ON_POSTGRESQL = [pytest.param(how, marks=pytest.mark.postgresql) for how in ("long", "nul")]


def sixty_four(runtime: Runtime, stream: UUID, how: str) -> list[Outcome | BaseException]:
    """63 additions and a culprit in the middle, as coroutines that form one batch."""

    def calls() -> list[Awaitable[Outcome]]:
        commands = [Misbehave(how) if number == 31 else Add(1) for number in range(64)]
        return [runtime.aexecute(stream, command, ANN) for command in commands]

    return gathered(calls)


@pytest.mark.parametrize("how", [*CULPRITS, *ON_POSTGRESQL])
def test_one_poison_among_64_fails_alone(runtime: Runtime, stream: UUID, how: str) -> None:
    answers = sixty_four(runtime, stream, how)
    culprit = answers.pop(31)
    assert isinstance(culprit, Exception)
    assert not isinstance(culprit, DomainError)
    outcomes = [answer for answer in answers if isinstance(answer, Outcome)]
    assert len(outcomes) == 63
    assert sorted(outcome.first_seq for outcome in outcomes) == list(range(2, 65))
    assert runtime.counters.reruns >= 1
    assert CounterRow.objects.get(stream_id=stream).value == 63
    assert Event.objects.filter(stream_id=stream).count() == 64
    assert list(verify_all()) == []


@pytest.mark.parametrize("how", ["bug", "stop", "timeout", "exit", "invariant"])
def test_a_poison_alone_is_told_its_own_error(runtime: Runtime, stream: UUID, how: str) -> None:
    expected = {"bug": ZeroDivisionError, "stop": RuntimeError, "exit": RuntimeError, "timeout": TimeoutError}
    with pytest.raises(expected.get(how, InvariantViolation)):
        runtime.execute(stream, Misbehave(how), ANN)
    with pytest.raises(expected.get(how, InvariantViolation)):
        asyncio.run(asyncio.wait_for(runtime.aexecute(stream, Misbehave(how), ANN), 10))
    assert runtime.execute(stream, Add(1), ANN).first_seq == 2


def test_threads_are_served_around_a_poison(runtime: Runtime, stream: UUID) -> None:
    def work(number: int) -> Outcome:
        return runtime.execute(stream, Misbehave("bug") if number % 16 == 7 else Add(1), ANN)

    answers = together(64, work)
    assert [type(answer) for answer in answers].count(ZeroDivisionError) == 4
    assert [type(answer) for answer in answers].count(Outcome) == 60
    assert CounterRow.objects.get(stream_id=stream).value == 60


def test_refusals_are_no_poison(runtime: Runtime, stream: UUID) -> None:
    answers = gathered(lambda: [runtime.aexecute(stream, Add(n % 2 * 2 - 1), ANN) for n in range(64)])
    refused = [answer for answer in answers if isinstance(answer, DomainError)]
    assert len(refused) == 1, "only the very first subtraction finds nothing to subtract from"
    assert runtime.counters.reruns == 0


def test_after_a_poison_the_state_is_folded_anew(runtime: Runtime, stream: UUID) -> None:
    runtime.execute(stream, Add(5), ANN)
    cold = runtime.counters.cold_starts
    with pytest.raises(InvariantViolation):
        runtime.execute(stream, Misbehave("invariant"), ANN)
    assert runtime.execute(stream, Add(1), ANN).last_seq == 3
    assert runtime.counters.cold_starts == cold + 1
    assert CounterRow.objects.get(stream_id=stream).value == 6
    assert Stream.objects.get(id=stream).seq == 3


def test_an_unserialisable_command_never_reaches_the_mailbox(runtime: Runtime, stream: UUID) -> None:
    with held(runtime), pytest.raises(UnicodeEncodeError):
        runtime.execute(stream, Add(1, "\ud800"), ANN)
    assert runtime.execute(stream, Add(1), ANN).last_seq == 2


@pytest.mark.parametrize("command_id", ["x" * 161, "nul\0"])
def test_an_id_that_no_column_holds_is_refused_at_the_door(runtime: Runtime, stream: UUID, command_id: str) -> None:
    ids = [command_id if number == 5 else "" for number in range(16)]
    answers = gathered(lambda: [runtime.aexecute(stream, Add(1), ANN, command_id=own) for own in ids])
    assert isinstance(answers.pop(5), DomainError)
    assert all(isinstance(answer, Outcome) for answer in answers)
    assert runtime.counters.reruns == 0
