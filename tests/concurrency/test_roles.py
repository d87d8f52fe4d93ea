"""Two roles on PostgreSQL: the application's, which owns nothing, and the owner's, which migrates and purges."""

from pathlib import Path

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from tests.concurrency.processes import manage, python, scratch

pytestmark = [pytest.mark.postgresql, pytest.mark.timeout(120)]
TRADE = """
from ledger.runtime import runtime
from markets.handlers import sessions
from markets.tests.floor import OLIVIA, open_session, place
session = open_session(session_id="{name}", cash_per_participant="1000")
place(session, "alice", "sell", 5, 1)
place(session, "bob", "buy", 5, 1)
if {is_deleted}:
    sessions.delete_session("{name}", OLIVIA)
runtime.stop()
"""


def test_the_application_trades_without_owning_anything_and_only_the_owner_purges(
    transactional_db: None, tmp_path: Path
) -> None:
    with scratch("roles") as owner:
        role = f"{owner.rpartition('/')[2]}_app"
        app = f"postgresql://{role}:secret@{owner.rpartition('@')[2]}"
        try:
            early = manage(app, tmp_path, "app_role", DATABASE_OWNER_URL=owner)
            assert (early.returncode, "migrate --database owner first" in early.stderr) == (1, True)
            assert manage(owner, tmp_path, "migrate", "--database", "owner", DATABASE_OWNER_URL=owner).returncode == 0
            for _ in range(2):
                made = manage(app, tmp_path, "app_role", DATABASE_OWNER_URL=owner)
                assert made.stdout == f"The role {role} may trade, and owns nothing.\n", made.stderr
            with psycopg.connect(app, autocommit=True) as application, pytest.raises(InsufficientPrivilege):
                application.execute("UPDATE ledger_event SET at = 0")
            python(TRADE.format(name="live", is_deleted=False), app, tmp_path)
            python(TRADE.format(name="gone", is_deleted=True), app, tmp_path)
            alone = manage(app, tmp_path, "purge")
            assert alone.returncode == 1
            assert "only the owner of the tables may" in alone.stderr
            assert "Traceback" not in alone.stderr
            assert manage(app, tmp_path, "verify").returncode == 0
            purged = manage(app, tmp_path, "purge", DATABASE_OWNER_URL=owner)
            assert purged.returncode == 0, purged.stderr
            assert "of 1 deleted streams purged." in purged.stdout
            verified = manage(app, tmp_path, "verify")
            assert verified.returncode == 0, verified.stderr
        finally:
            with psycopg.connect(owner, autocommit=True) as own:
                own.execute(f"DROP OWNED BY {role}")
                own.execute(f"DROP ROLE {role}")
