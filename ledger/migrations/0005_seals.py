"""Seals of outcomes and snapshots. Old outcomes get theirs; old snapshots go, for they are only a shortcut."""

from django.db import migrations, models

from ledger import append_only
from ledger.seals import joined, seal


def _arm(apps, schema_editor):
    append_only.arm(schema_editor.connection)


def _disarm(apps, schema_editor):
    append_only.disarm(schema_editor.connection)


def _seal(apps, schema_editor):
    alias = schema_editor.connection.alias
    stream, command, snapshot = (apps.get_model("ledger", name) for name in ("Stream", "Command", "Snapshot"))
    snapshot.objects.using(alias).all().delete()
    columns = ("stream_id", "scope", "command_id", "fingerprint", "first_seq", "last_seq", "outcome")
    for one in stream.objects.using(alias).values_list("id", flat=True).iterator():
        seals = 0
        rows = command.objects.using(alias).filter(stream_id=one)
        for row in list(rows.values_list(*columns)):
            own = seal(*row)
            rows.filter(scope=row[1], command_id=row[2]).update(seal=own)
            seals = joined(seals, own)
        stream.objects.using(alias).filter(id=one).update(seals=seals)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_imports")]
    operations = [
        migrations.RunPython(_disarm, _arm, elidable=False),
        migrations.AddField(model_name="stream", name="seals", field=models.BigIntegerField(default=0)),
        migrations.AddField(model_name="command", name="seal", field=models.BigIntegerField(default=0)),
        migrations.AddField(model_name="snapshot", name="seal", field=models.BigIntegerField(default=0)),
        migrations.RunPython(_seal, migrations.RunPython.noop, elidable=False),
        migrations.RunPython(_arm, _disarm, elidable=False),
    ]
