"""What the clock does on exchanges, as a Celery task: it looks for what is due in rows and has it done.

Whoever calls it, however often and from however many places at once: what is due is done once.
"""

import logging

from celery import shared_task

from common.clock import now_us
from common.errors import DomainError, Unavailable
from predictions import queries
from predictions.handlers import exchanges

log = logging.getLogger("predictions.clock")


@shared_task(ignore_result=True)  # type: ignore[untyped-decorator]
def advance_exchanges() -> None:
    """Write down the expiries, closings and payouts that are due."""
    for stream in queries.due_exchanges(now_us()):
        try:
            exchanges.advance_exchange(stream)
        except (DomainError, Unavailable) as refusal:
            log.warning("exchange %s was not advanced: %s", stream, refusal)
        except Exception:
            log.exception("exchange %s was not advanced", stream)
