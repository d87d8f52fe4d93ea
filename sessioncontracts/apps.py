"""Django's admin, audited."""

from django.contrib.admin.apps import AdminConfig


class AuditedAdminConfig(AdminConfig):
    default_site = "sessioncontracts.console.Console"

    def ready(self) -> None:
        """Leave out the schedules of the clock's tasks, which the server writes itself; a task can be disabled."""
        super().ready()
        from django.contrib import admin
        from django_celery_beat import models

        schedules = (models.IntervalSchedule, models.CrontabSchedule, models.SolarSchedule, models.ClockedSchedule)
        admin.site.unregister(schedules)
