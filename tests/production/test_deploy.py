"""The files of a deployment, as far as they can be tried without an engine: compose, nginx, systemd, prepare."""

import ipaddress
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.stack import Broken, Stack, _start_proxy, _start_redis, proxy_settings
from markets.ws.server import MOST_UPLOAD_BYTES
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
    copied(tmp_path)
    command = [str(tmp_path / "deploy/prepare"), "https://market.example.org/"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    lines = (tmp_path / ".env").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))
    variables["SM_DATA_DIR"] = str(tmp_path)
    checked = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING", **variables)
    assert checked.returncode == 0, checked.stderr
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "nothing was changed" in again.stderr


@pytest.mark.parametrize(
    "url",
    ["", "http://a.example", "https://", "https://a.example/path", "https://a|b", "https://a&b", "https://me:pw@a.example",
     "https://a.example more", "https://a.example\nSM_DEBUG=true", "https://A.example"],
)  # fmt: skip
def test_prepare_writes_nothing_for_what_is_no_address(tmp_path: Path, url: str) -> None:
    before = copied(tmp_path)
    refused = subprocess.run([before[0], url], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "usage: deploy/prepare" in refused.stderr
    assert sorted(tmp_path.rglob("*")) == sorted([tmp_path / "deploy", *before])


def copied(folder: Path) -> list[Path]:
    """What deploy/prepare needs, in a folder of its own."""
    (folder / "deploy").mkdir()
    return [Path(shutil.copy(ROOT / name, folder / name)) for name in ("deploy/prepare", ".env.example")]


def test_no_other_container_gets_the_address_that_the_servers_believe(tmp_path: Path) -> None:
    """Addresses are given out in order, from the first: without a range of its own the database has the proxy's."""
    copied(tmp_path)
    command = [str(tmp_path / "deploy/prepare"), "https://market.example.org"]
    subprocess.run(command, capture_output=True, check=True)
    believed = re.findall(r"^SM_TRUSTED_PROXIES=(.*)", (tmp_path / ".env").read_text(), re.MULTILINE)
    whole = compose()
    fixed = {
        name: service["networks"]["inside"]["ipv4_address"]
        for name, service in whole["services"].items()
        if isinstance(service["networks"], dict)
    }
    assert believed == [fixed["proxy"]]
    assert set(fixed) == {"proxy", "web-1", "web-2"}, "nginx asks for names once: these must keep their addresses"
    assert len(set(fixed.values())) == 3
    (plan,) = whole["networks"]["inside"]["ipam"]["config"]
    subnet, given_out = ipaddress.ip_network(plan["subnet"]), ipaddress.ip_network(plan["ip_range"])
    for address in map(ipaddress.ip_address, fixed.values()):
        assert address in subnet
        assert address not in given_out


def test_the_proxy_lets_through_what_the_servers_take() -> None:
    """Else the proxy's own page answers for a CSV that the server would read."""
    (megabytes,) = re.findall(r"client_max_body_size (\d+)m;", (DEPLOY / "nginx" / "proxy.conf").read_text())
    assert int(megabytes) << 20 == MOST_UPLOAD_BYTES


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
    ours = r"/srv/\S+/(python manage.py serve|celery -A sessioncontracts (worker|beat))"
    # An EnvironmentFile outweighs Environment=, and a copy of .env.example names a folder that cannot be written.
    assert re.search(rf"^ExecStart=/usr/bin/env SM_DATA_DIR=%S/session-contracts {ours}", text, re.M)
    assert "\nStateDirectory=session-contracts\n" in text
    for line in ("Restart=always", "KillSignal=SIGTERM", "TimeoutStopSec=20", "NoNewPrivileges=true"):
        assert f"\n{line}\n" in text


def test_a_port_that_somebody_took_while_the_servers_started_is_named(tmp_path: Path) -> None:
    """Two stacks at once on one port: the answer of the first must not pass for the second's."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(Broken, match=f"Port {port} is taken"):
            _start_proxy(Stack(tmp_path), port)


def test_a_redis_of_yours_must_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACK_REDIS_URL", "redis://127.0.0.1:1/0")
    with pytest.raises(Broken, match="STACK_REDIS_URL: Redis does not answer there"):
        _start_redis(Stack(tmp_path))
