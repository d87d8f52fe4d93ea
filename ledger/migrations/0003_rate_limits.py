"""Buckets of rate limits, and the turn that tells when a process must read them.

SQLite makes a table anew to add a column, which the triggers that look into it do not survive: they rest meanwhile.
"""

from django.db import migrations, models

from ledger import append_only


def _arm(apps, schema_editor):
    append_only.arm(schema_editor.connection)


def _disarm(apps, schema_editor):
    append_only.disarm(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_append_only")]
    operations = [
        migrations.CreateModel(
            name="Bucket",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "stream_id", "actor", "bucket", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("stream_id", models.UUIDField()),
                ("actor", models.CharField(max_length=64)),
                ("bucket", models.CharField(max_length=16)),
                ("full_at", models.BigIntegerField()),
            ],
        ),
        migrations.RunPython(_disarm, _arm, elidable=False),
        migrations.AddField(model_name="stream", name="turn", field=models.BigIntegerField(default=0)),
        migrations.RunPython(_arm, _disarm, elidable=False),
    ]
