"""The scheduler of `celery beat`: django-celery-beat's, with the schedule of celery.py, one at a time."""

import logging
from typing import Any

from django.db import DatabaseError
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from markets.management.locks import lock_of_database

log = logging.getLogger("markets.clock")
_RETRY_S = 0.5


class OneScheduler(DatabaseScheduler):  # type: ignore[misc]  # it has no types
    """Holds the database's beat lock while it ticks. A second one waits, and takes over within a second."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._lock = lock_of_database("beat")
        self._holds = False
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        """Write the schedule down as rows, in microseconds. Who disabled one in the console finds it disabled."""
        for name, entry in self.app.conf.beat_schedule.items():
            terms = {"every": round(entry["schedule"] * 1_000_000), "period": IntervalSchedule.MICROSECONDS}
            rows = IntervalSchedule.objects.filter(**terms).order_by("pk")  # two beats may have written one each
            every = rows.first() or IntervalSchedule.objects.create(**terms)
            plan = {"task": entry["task"], "interval": every, "expire_seconds": entry["options"]["expires"]}
            PeriodicTask.objects.update_or_create(name=name, defaults=plan)

    def adjust(self, n: float, drift: float = 0.0) -> float:
        """Sleep as long as it takes: Celery's own wakes 10 ms early and asks again and again until then."""
        return n

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due, if it is ours to send; answer when to come again (seconds)."""
        try:
            self._holds = self._lock.is_held() if self._holds else self._lock.take()
        except DatabaseError as error:
            log.warning("beat cannot reach its lock: %s", error)
            self._holds = False
        if not self._holds:
            return _RETRY_S
        return float(super().tick(*args, **kwargs))

    def close(self) -> None:
        super().close()
        self._lock.release()
