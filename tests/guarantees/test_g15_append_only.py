"""G15: the ledger is append-only. A server does not start on one that can be changed."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from ledger import append_only
from ledger.tests.meddling import disarmed
from tests.live.floor import ROOT, server_environment

pytestmark = [pytest.mark.usefixtures("transactional_db"), pytest.mark.timeout(120)]


def serve(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "serve", "--port", "0"],
        env=server_environment(folder),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_server_does_not_start_where_events_could_be_changed(tmp_path: Path) -> None:
    with disarmed():
        assert append_only.missing(connection)
        refused = serve(tmp_path)
    assert refused.returncode == 1
    assert "ledger.E001" in refused.stderr
    assert "manage.py rearm" in refused.stderr
    assert "Traceback" not in refused.stderr
