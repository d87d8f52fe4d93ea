"""The Celery app and the one schedule: the same tasks under a worker and beat, or inside `manage.py serve`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sessioncontracts.settings")
app = Celery("sessioncontracts")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["markets"])
app.conf.beat_schedule = {
    "advance-feeds": {"task": "markets.tasks.advance_feeds", "schedule": 0.25, "options": {"expires": 1}},
    "advance-sessions": {"task": "markets.tasks.advance_sessions", "schedule": 0.25, "options": {"expires": 1}},
    "settle-closed": {"task": "markets.tasks.settle_closed", "schedule": 1.0, "options": {"expires": 5}},
}
