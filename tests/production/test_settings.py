"""The settings as a whole: every variable is documented, a wrong one stops the start, production is safe."""

import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sessioncontracts import databases
from sessioncontracts.environment import VARIABLES, kept_secret

ROOT = Path(__file__).resolve().parents[2]
KEY = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
PRODUCTION = {
    "SM_BASE_URL": "https://market.example.org",
    "SM_TRUSTED_PROXIES": "127.0.0.1",
    "SM_SECRET_KEY": KEY,
    "REDIS_URL": "redis://127.0.0.1:6379/0",
}


def manage(folder: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """manage.py with these variables and none of ours."""
    ours = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env=ours | {"SM_DATA_DIR": str(folder), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_example_lists_every_variable_and_no_other() -> None:
    listed = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(VARIABLES)


def test_the_docs_list_every_variable_and_no_other() -> None:
    page = (ROOT / "docs/commands.md").read_text().partition("## Settings")[2]
    assert set(re.findall(r"^\| `([A-Z_]+)`", page, re.MULTILINE)) == VARIABLES


def test_nothing_reads_the_environment_past_the_declared_variables() -> None:
    text = (ROOT / "sessioncontracts/settings.py").read_text()
    assert "os.environ" not in text
    read = set(re.findall(r'"((?:SM_)?[A-Z]+_[A-Z_]+)"', text)) & VARIABLES
    with_own_readers = {"SM_SECRET_KEY", "SM_SECRET_KEY_FILE", "SM_LOG_LEVEL"}
    assert VARIABLES - read == with_own_readers


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"SM_TRUSTED_PROXY": "10.0.0.1"}, "SM_TRUSTED_PROXY is not a variable of this server. Did you mean"),
        ({"SM_DEBUG": "maybe"}, "SM_DEBUG must be true or false"),
        ({"SM_LOG_LEVEL": "LOUD"}, "SM_LOG_LEVEL must be one of"),
        ({"SM_BASE_URL": "market.example.org"}, "SM_BASE_URL takes addresses like https://"),
        ({"SM_BASE_URL": "http://a.example,http://b.example", "SM_SECRET_KEY": KEY}, "takes one address"),
        ({"SM_TRUSTED_PROXIES": "nginx"}, "SM_TRUSTED_PROXIES takes addresses and networks"),
        ({"SM_TRUSTED_PROXIES": "10.0.0.1,0.0.0.0/0"}, "SM_TRUSTED_PROXIES would be everybody"),
        ({"SM_TRUSTED_PROXIES": "::/0"}, "SM_TRUSTED_PROXIES would be everybody"),
        ({"SM_DATABASE_CONNECTIONS": "2", "DATABASE_URL": "postgresql://u@127.0.0.1/x"}, "from 8 to 1000"),
        ({"SM_SECRET_KEY_FILE": "/nowhere/key"}, "SM_SECRET_KEY_FILE cannot be read"),
        ({"REDIS_URL": "127.0.0.1:6379"}, "REDIS_URL must begin with redis://"),
        ({**PRODUCTION, "SM_SECRET_KEY": ""}, "SM_SECRET_KEY must be set there"),
        ({**PRODUCTION, "SM_SECRET_KEY": "changeme"}, "at least 50 random characters"),
        ({**PRODUCTION, "SM_DEBUG": "true"}, "SM_DEBUG must be false there"),
        ({**PRODUCTION, "SM_TRUSTED_PROXIES": ""}, "name its address in SM_TRUSTED_PROXIES"),
        ({"SM_BASE_URL": "http://192.168.1.20:8000"}, "http://192.168.1.20:8000 is a public address"),
        *[
            ({**PRODUCTION, "SM_BASE_URL": url}, "SM_BASE_URL takes addresses like https://")
            for url in (
                "https://market.example.org:99999",
                "https://market.example.org:port",
                "https://[::1",
                "https://me:secret@market.example.org",
                "https://mar ket.example.org",
                "https://?x",
                "https://a#x",
                "https://market.example.org/",
            )
        ],
        ({**PRODUCTION, "SM_BASE_URL": "https://*.example.org"}, "SM_BASE_URL takes one address"),
        *[
            ({"SM_ALLOWED_HOSTS": hosts}, "SM_ALLOWED_HOSTS takes names like")
            for hosts in ("*", "a.example,*", "https://a.example", "a.example:8000", "a b")
        ],
        ({"SM_HSTS_SECONDS": "-1"}, "SM_HSTS_SECONDS must be a whole number"),
        ({"SM_ORDER_BURST": "9" * 5000}, "SM_ORDER_BURST must be a whole number"),
        ({"SM_DATABASE_CONNECTIONS": "7"}, "from 8 to 1000"),
        ({"SM_REGISTRATION": "code"}, "SM_REGISTRATION_CODE must say which"),
        ({"SM_DATA_DIR": "/dev/null/data"}, "SM_DATA_DIR: /dev/null/data is no folder"),
        ({"DATABASE_URL": "postgresql://u:p@h:port/x"}, "DATABASE_URL cannot be read"),
        ({"DATABASE_URL": "postgresql://u:p#w@h/x"}, "DATABASE_URL cannot be read"),
        ({"DATABASE_URL": "postgresql://u:p@h/"}, "DATABASE_URL must name a database"),
        ({"DATABASE_URL": "postgresql://u:p@h/x?sslmod=require"}, "PostgreSQL knows no option 'sslmod'"),
        ({"DATABASE_URL": "sqlite://"}, "DATABASE_URL must name a file"),
        ({"DATABASE_URL": "sqlite:///:memory:"}, "DATABASE_URL must name a file"),
        ({"DATABASE_URL": "sqlite:////tmp/x?timeout=1"}, "an SQLite file takes no options"),
        ({"DATABASE_OWNER_URL": "postgresql://u:p@h/x"}, "must be of the same kind"),
        *[
            ({"REDIS_URL": url}, "REDIS_URL cannot be read")
            for url in ("redis://h:port/0", "redis://h/zero", "redis://h/0?foo=bar", "unix://")
        ],
    ],
)
def test_a_wrong_variable_stops_the_start_with_a_sentence(
    tmp_path: Path, variables: dict[str, str], sentence: str
) -> None:
    stopped = manage(tmp_path, "check", **variables)
    assert stopped.returncode != 0
    assert sentence in stopped.stderr
    assert "Traceback" not in stopped.stderr


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [({}, "SM_SECRET_KEY must be set"), ({"SM_SECRET_KEY": KEY, "SM_DEBUG": "true"}, "SM_DEBUG must be false")],
)
def test_serving_other_machines_without_a_key_or_with_debug_is_refused(
    tmp_path: Path, variables: dict[str, str], sentence: str
) -> None:
    stopped = manage(tmp_path, "serve", "--host", "0.0.0.0", "--port", "0", **variables)
    assert stopped.returncode == 1
    assert sentence in stopped.stderr


def test_an_address_that_cannot_be_read_is_not_quoted(tmp_path: Path) -> None:
    stopped = manage(tmp_path, "check", DATABASE_URL="postgresql://u:hush#hush@127.0.0.1/x")
    assert stopped.returncode == 1
    assert "hush" not in stopped.stdout + stopped.stderr


def test_options_of_postgresql_in_the_address_are_kept() -> None:
    url = "postgresql://u:p@127.0.0.1/x?sslmode=require&options=-c%20work_mem%3D8MB"
    options = databases.parsed("DATABASE_URL", url, connections=9)["OPTIONS"]
    assert options["sslmode"] == "require"
    assert options["options"] == "-c work_mem=8MB -c lock_timeout=2s"
    assert options["pool"]["max_size"] == 9


def test_a_data_folder_may_have_any_name(tmp_path: Path) -> None:
    odd = tmp_path / "50%25 of #1?"
    made = manage(odd, "migrate", "-v", "0")
    assert made.returncode == 0, made.stderr
    assert (odd / "market.sqlite3").exists()


def test_processes_that_start_at_once_keep_one_key(tmp_path: Path) -> None:
    gate = threading.Barrier(8)

    def start(_: int) -> str:
        gate.wait()
        return kept_secret(tmp_path / "secret_key")

    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(start, range(8)))
    assert len(keys) == 1
    assert len(keys.pop()) >= 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


def test_production_passes_the_deploy_check(tmp_path: Path) -> None:
    checked = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert checked.returncode == 0, checked.stderr
    assert "no issues (0 silenced)" in checked.stdout


def test_a_key_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    rest = {name: value for name, value in PRODUCTION.items() if name != "SM_SECRET_KEY"}
    checked = manage(tmp_path, "check", SM_SECRET_KEY_FILE=str(tmp_path / "key"), **rest)
    assert checked.returncode == 0, checked.stderr
