"""The README's first promise: one command plays a whole session and proves that nothing was lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CSV = "ts,NVDA,ORCL,YHOO\n2014-12-30T21:00:00Z,20.37,45.34,51.22\n2014-12-31T21:00:00Z,20.0500,44.9700,50.5100\n"


def manage(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a management command on a database of its own, as somebody with a fresh clone would."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment["SM_DATA_DIR"] = str(data)
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_demo_settles_at_the_last_row_of_a_csv_and_again_the_second_time(tmp_path: Path) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text(CSV)
    for _ in range(2):
        played = manage(tmp_path, "demo", "--exit", "--csv", str(prices))
        assert played.returncode == 0, played.stderr
        for shown in ("20.0500", "44.9700", "50.5100", "8744.00000000", "insufficient_units"):
            assert shown in played.stdout
        assert "NOT TRUE" not in played.stdout
    assert "of an earlier play is deleted" in played.stdout


def test_reset_forgets_earlier_plays_and_the_ledger_still_verifies(tmp_path: Path) -> None:
    assert manage(tmp_path, "demo", "--exit").returncode == 0
    again = manage(tmp_path, "demo", "--exit", "--reset")
    assert again.returncode == 0, again.stderr
    assert "of 1 deleted streams purged" in again.stdout
    verified = manage(tmp_path, "verify", "--all")
    assert verified.returncode == 0, verified.stderr


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "Line 1: the header"),
        ("ts,A\n2025-01-01T00:00:00Z,-1\n", "Line 2"),
        ("ts,A,A\n2025-01-01T00:00:00Z,1,1\n", "twice"),
        ("ts,CASH,B\n2025-01-01T00:00:00Z,1,1\n", "CASH"),
        ("ts,A\n2025-01-01T00:00:00Z,1.1234567\n", "decimals"),
    ],
)
def test_a_bad_csv_is_refused_with_a_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text(content)
    refused = manage(tmp_path, "demo", "--exit", "--csv", str(prices))
    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    "row",
    [
        "ts,A\n2025-01-01T00:00:00Z,0.0001\n",
        "ts,A,B,C,D,E,F\n2025-01-01T00:00:00Z,0.000001,99999999,3,4,5,0.5\n",
        "ts,GOLD 3m,GOLD 1y\n2025-01-01,2000.5,2100\n",
    ],
)
def test_the_demo_is_exact_on_baskets_of_other_shapes(tmp_path: Path, row: str) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text(row)
    played = manage(tmp_path, "demo", "--exit", "--csv", str(prices))
    assert played.returncode == 0, played.stderr


def test_run_oracle_streams_a_seeded_simulation_and_settle_pays_at_its_last_tick(tmp_path: Path) -> None:
    assert manage(tmp_path, "demo", "--exit").returncode == 0
    refused = manage(tmp_path, "run_oracle", "--session-id", "demo", "--max-ticks", "2")
    assert "settled" in refused.stderr
    assert manage(tmp_path, "settle", "nowhere").stderr.strip() == "CommandError: There is no session 'nowhere'."


def test_settings_that_are_wrong_stop_the_start_with_a_sentence(tmp_path: Path) -> None:
    stopped = manage(tmp_path, "demo", "--exit", "--database-url", "mysql://nowhere/x")
    assert stopped.returncode == 1
    assert "must begin with sqlite:// or postgresql://" in stopped.stderr
    assert "Traceback" not in stopped.stderr


def test_a_database_that_does_not_answer_is_named_in_a_sentence(tmp_path: Path) -> None:
    stopped = manage(tmp_path, "demo", "--exit", "--database-url", "postgresql://nobody@127.0.0.1:9/none")
    assert stopped.returncode == 1
    assert "The database does not answer" in stopped.stderr
    assert "Traceback" not in stopped.stderr
