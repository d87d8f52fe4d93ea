"""bin/demo without --exit: a market that lives, lets people and bots in, and goes when told to."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from session_contracts_client import Client

from tests.services import end_with_parent

ROOT = Path(__file__).resolve().parents[2]
PROMISED_S = 60


class Demo:
    """A demo that stays, and what it has printed."""

    def __init__(self, process: "subprocess.Popen[str]", text: str) -> None:
        self.process, self.text = process, text

    def key(self, who: str) -> str:
        """The key that was printed in somebody's row."""
        found = re.search(rf"│ {who} +│ (sm_\S+)", self.text)
        assert found, self.text
        return found[1]

    @property
    def url(self) -> str:
        return re.search(r"Address: (\S+)", self.text)[1]  # type: ignore[index]


@contextmanager
def demo(data: Path, *arguments: str) -> Iterator[Demo]:
    """A running demo that has invited everybody."""
    environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "DISPLAY"}}
    process = subprocess.Popen(
        [sys.executable, "-u", str(ROOT / "manage.py"), "demo", *arguments],
        env=environment | {"SM_DATA_DIR": str(data)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=end_with_parent,
    )
    assert process.stdout
    text = ""
    try:
        while "Ctrl-C stops everything" not in text:
            line = process.stdout.readline()
            assert line, text
            text += line
        yield Demo(process, text)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def test_the_demo_lets_people_in_runs_the_seeds_calls_and_stops_at_ctrl_c(tmp_path: Path) -> None:
    with demo(tmp_path) as running, Client(running.url, running.key("organiser")) as organiser:
        with urlopen(f"{running.url}/health", timeout=10) as health:
            assert health.status == 200
        calls = running.text[running.text.index("API=") : running.text.index("\n\nCtrl-C")]
        loud = calls.replace("curl -X", "curl -sf -o /dev/null -X").replace("curl $", "curl -sf -o /dev/null $")
        pasted = subprocess.run(["/bin/sh", "-e"], input=loud, capture_output=True, text=True, check=False)
        assert pasted.returncode == 0, pasted.stderr
        assert next(organiser.rfqs("demo", status="executed"), None) is not None
        bot = subprocess.Popen(
            [sys.executable, "-c", readme_bot().replace("http://127.0.0.1:8000", running.url)],
            env=os.environ | {"SM_KEY": running.key("carol"), "PYTHONPATH": str(ROOT / "clients/python")},
            preexec_fn=end_with_parent,
        )
        deadline = time.monotonic() + PROMISED_S
        while not any("noise" in {trade.participant_a, trade.participant_b} for trade in organiser.trades("demo")):
            assert time.monotonic() < deadline, "the bots do not trade"
            time.sleep(0.5)
        assert bot.poll() is None
        bot.kill()
        bot.wait()
        assert organiser.verify("demo").ok
    assert running.process.returncode == 0
    with pytest.raises(OSError, match="refused"):
        urlopen(f"{running.url}/health", timeout=10)


def test_a_busy_port_is_told_in_a_sentence_and_changes_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, str(ROOT / "manage.py"), "demo", "--port", str(port)]
        environment = os.environ | {"SM_DATA_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path}/x.sqlite3"}
        refused = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 1
    assert refused.stderr.strip().splitlines()[-1].startswith(f"CommandError: Port {port} is taken.")
    assert not (tmp_path / "x.sqlite3").exists()


def readme_bot() -> str:
    """The bot that the client's README shows."""
    text = (ROOT / "clients/python/README.md").read_text()
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found
    return found[1]
