"""The files of a deployment, as far as they can be tried without an engine: compose, nginx, systemd, prepare."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.stack import proxy_settings
from tests.production.test_settings import ROOT, manage
from tests.services import ServiceMissing, nginx

DEPLOY = ROOT / "deploy"


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def test_nothing_is_published_but_the_proxy() -> None:
    services = compose()["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    assert compose()["networks"]["inside"]["internal"] is True
    assert all("outside" not in service["networks"] for name, service in services.items() if name != "proxy")


SERVICE = {
    "build", "cap_drop", "command", "depends_on", "env_file", "environment", "healthcheck", "image", "init",
    "networks", "ports", "read_only", "restart", "secrets", "security_opt", "shm_size", "stop_grace_period",
    "tmpfs", "volumes",
}  # fmt: skip
"""Those keys of the compose specification that are in use: a misspelt one would be ignored or refused."""


def test_the_compose_file_says_only_what_compose_knows_and_names_only_what_there_is() -> None:
    whole = compose()
    assert {name for name in whole if not name.startswith("x-")} == {
        "name",
        "services",
        "networks",
        "volumes",
        "secrets",
    }
    for name, service in whole["services"].items():
        assert set(service) <= SERVICE, name
        assert set(service["networks"]) <= set(whole["networks"]), name
        assert set(service.get("secrets", ())) <= set(whole["secrets"]), name
        assert set(service.get("depends_on", {})) <= set(whole["services"]), name
        assert service["restart"] in {"no", "unless-stopped"}, "YAML's no is a text only in quotes"
        assert re.fullmatch(r"session-contracts|[a-z]+:[0-9.]+", service["image"]), "an image has a version"
        for volume in service.get("volumes", ()):
            source, target, *_ = volume.split(":")
            assert target.startswith("/"), volume
            assert (DEPLOY / source).exists() or source in whole["volumes"] or source == "./tls", volume
        check = service.get("healthcheck", {})
        assert set(check) <= {"test", "interval", "timeout", "retries", "start_period"}, name
        spans = [check[key] for key in ("interval", "timeout", "start_period") if key in check]
        for span in [*spans, service.get("stop_grace_period", "1s")]:
            assert re.fullmatch(r"[0-9]+s", span), (name, span)
        assert not check or check["test"][0] == "CMD", name


def test_every_service_that_others_wait_for_can_be_waited_for() -> None:
    services = compose()["services"]
    for service in services.values():
        for name, how in service.get("depends_on", {}).items():
            needs = {"service_healthy": "healthcheck", "service_completed_successfully": "command"}
            assert needs[how["condition"]] in services[name]


def test_our_own_containers_can_write_nowhere_but_to_their_data() -> None:
    ours = [service for service in compose()["services"].values() if service["image"] == "session-contracts"]
    assert len(ours) == 5
    for service in ours:
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["env_file"] == "../.env"
    assert "\nUSER market\n" in (DEPLOY / "Dockerfile").read_text()


def test_prepare_writes_settings_that_pass_the_deploy_check(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    for name in ("deploy/prepare", ".env.example"):
        shutil.copy(ROOT / name, tmp_path / name)
    command = [str(tmp_path / "deploy/prepare"), "https://market.example.org"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    lines = (tmp_path / ".env").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))
    variables["SM_DATA_DIR"] = str(tmp_path)
    checked = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING", **variables)
    assert checked.returncode == 0, checked.stderr
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "nothing was changed" in again.stderr


@pytest.mark.parametrize("name", ["site.conf", "compose.conf"])
def test_nginx_takes_the_settings(tmp_path: Path, name: str) -> None:
    """With the names of containers and files put as they are here."""
    try:
        program = nginx()
    except ServiceMissing as missing:
        pytest.skip(str(missing))
    key, certificate = tmp_path / "privkey.pem", tmp_path / "fullchain.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=market", "-days", "1"]
    subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], capture_output=True, check=True)
    site = (DEPLOY / "nginx" / name).read_text()
    site = re.sub(r"web-(\d):8000", r"127.0.0.1:800\1", site)
    site = site.replace("/etc/nginx/tls", str(tmp_path)).replace("/etc/nginx/market", str(DEPLOY / "nginx"))
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\n{site}\n}}\n")
    bare = tmp_path / "bare.conf"
    bare.write_text(proxy_settings(["http://127.0.0.1:8001"], port=8099, folder=tmp_path))
    for settings in (whole, bare):
        command = [program, "-t", "-e", "stderr", "-p", str(tmp_path), "-c", str(settings)]
        tried = subprocess.run(command, capture_output=True, text=True, check=False)
        assert tried.returncode == 0, tried.stderr


@pytest.mark.parametrize("unit", sorted((DEPLOY / "systemd").glob("*.service")), ids=lambda path: path.name)
def test_units_start_our_processes_and_let_them_finish(unit: Path) -> None:
    text = unit.read_text()
    assert re.search(r"^ExecStart=\S+/(python manage.py serve|celery -A sessioncontracts (worker|beat))", text, re.M)
    for line in ("Restart=always", "KillSignal=SIGTERM", "TimeoutStopSec=20", "NoNewPrivileges=true"):
        assert f"\n{line}\n" in text
