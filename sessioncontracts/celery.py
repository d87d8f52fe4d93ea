"""The Celery app and the one schedule: the same tasks under a worker and beat, or inside `manage.py serve`."""

import os
import sys
from typing import Any

from celery import Celery, signals
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sessioncontracts.settings")
try:
    _ = settings.CELERY_BROKER_URL
except ImproperlyConfigured as error:
    sys.exit(f"Settings: {error}")

app = Celery("sessioncontracts")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(
    [
        "markets",
        "predictions",
    ]
)
# Pokes go stale: what waited longer than `expires` seconds for a worker is dropped, for newer ones stand behind it.
app.conf.beat_schedule = {
    "advance-exchanges": {"task": "predictions.tasks.advance_exchanges", "schedule": 0.25, "options": {"expires": 1}},
    "advance-feeds": {"task": "markets.tasks.advance_feeds", "schedule": 0.25, "options": {"expires": 1}},
    "advance-sessions": {"task": "markets.tasks.advance_sessions", "schedule": 0.25, "options": {"expires": 1}},
    "note-clock": {"task": "markets.tasks.note_clock", "schedule": 1.0, "options": {"expires": 2}},
    "settle-closed": {"task": "markets.tasks.settle_closed", "schedule": 1.0, "options": {"expires": 5}},
}


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _keep_logging(**_: Any) -> None:
    """Django has set logging up already; Celery need not."""


@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]
def _finish_writing(**_: Any) -> None:
    """The ledger's writers finish what waits."""
    from ledger.runtime import runtime

    runtime.stop()
