"""Arm the triggers that keep events as they were written."""

from django.db import migrations

from ledger import append_only


def _arm(apps, schema_editor):
    append_only.arm(schema_editor.connection)


def _disarm(apps, schema_editor):
    append_only.disarm(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]
    operations = [migrations.RunPython(_arm, _disarm, elidable=False)]
