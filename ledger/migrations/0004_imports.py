"""When a stream came from another installation. The triggers rest meanwhile, for the reason that 0003 gives."""

from django.db import migrations, models

from ledger import append_only


def _arm(apps, schema_editor):
    append_only.arm(schema_editor.connection)


def _disarm(apps, schema_editor):
    append_only.disarm(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_rate_limits")]
    operations = [
        migrations.RunPython(_disarm, _arm, elidable=False),
        migrations.AddField(model_name="stream", name="imported_at", field=models.BigIntegerField(null=True)),
        migrations.RunPython(_arm, _disarm, elidable=False),
    ]
