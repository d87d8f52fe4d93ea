"""Whether a run was correct. One that wasn't has no figure."""

from benchmarks.session import Session, all_sessions
from benchmarks.worker import Worker
from ledger.models import Stream
from ledger.verify import verify_all
from ledger.warm import load
from markets.domain import SESSIONS
from markets.engine.state import SessionState


class WrongRun(Exception):
    """A run broke a rule: the text says which."""


def require_correct(worker: Worker) -> None:
    """Raise WrongRun with everything that is wrong in the worker's database."""
    wrong = worker.call(findings)
    if wrong:
        raise WrongRun("\n".join(wrong))


def findings() -> list[str]:
    """Conservation, reservations against open orders, gaps, chain, rows, and whether the runs did what was planned.

    ledger.verify folds every stream from its first event; the workload has decided the same commands on its own.
    """
    wrong = [str(finding) for finding in verify_all()]
    wrong += [f"{session.workload.name}: {text}" for session in all_sessions() for text in _strays(session)]
    return wrong


def _strays(session: Session) -> list[str]:
    """Where the database's state differs from the workload's, if its commands arrived in order."""
    if not session.in_order:
        return []
    end = Stream.objects.values_list("seq", flat=True).get(id=session.stream)
    state: SessionState = load(SESSIONS, session.stream, upto=end).state
    planned = session.workload.state
    pairs = (
        ("seq", state.facts.seq, planned.facts.seq),
        ("holdings", state.facts.holdings, planned.facts.holdings),
        ("open orders", _orders(state), _orders(planned)),
        ("open RFQs and quotes", (set(state.rfqs), set(state.quotes)), (set(planned.rfqs), set(planned.quotes))),
    )
    return [f"{what} differ from what was planned" for what, have, want in pairs if have != want]


def _orders(state: SessionState) -> dict[int, tuple[int, int, int, int]]:
    return {order.id: (order.quantity, order.price, order.filled, order.reserved) for order in state.orders.values()}
