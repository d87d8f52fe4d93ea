"""The processes of production on one machine, without containers: bin/stack, and tests that break them one by one.

PostgreSQL and Redis are ours and gone at the end, unless DATABASE_URL and REDIS_URL name others.
"""

import argparse
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from redis import Redis, RedisError

from sessioncontracts.environment import VARIABLES
from tests.services import Cluster, ServiceMissing, cluster, end_with_parent, nginx, redis_server

ROOT = Path(__file__).resolve().parents[1]
_MANAGE = [sys.executable, str(ROOT / "manage.py")]
_CELERY = [sys.executable, "-m", "celery", "-A", "sessioncontracts"]
_START_WITHIN_S = 60.0
_PATIENCE_S = 15.0


class Broken(Exception):
    """The stack cannot start or has lost a part; the sentence says which, and what it said last."""


@dataclass
class Program:
    """One process, which may be started, told to stop, killed, frozen and started again."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603  our own programs
                self.command,
                cwd=ROOT,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # the terminal's Ctrl-C is for us, who then end them in order
                preexec_fn=end_with_parent,
            )

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def send(self, number: int) -> None:
        """A signal: SIGSTOP freezes, SIGCONT thaws."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it, wait, and answer its exit status. SIGKILL is a crash."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.send_signal(signal.SIGCONT)
        try:
            return self.process.wait(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


@dataclass
class Stack:
    """What runs. `url` is the proxy's, or the first server's where there is none; `webs` are the server processes."""

    folder: Path
    url: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    database: Cluster | None = None
    redis: Program | None = None
    webs: list[Program] = field(default_factory=list)
    workers: list[Program] = field(default_factory=list)
    beats: list[Program] = field(default_factory=list)
    proxy: Program | None = None
    web_urls: list[str] = field(default_factory=list)

    @property
    def programs(self) -> list[Program]:
        """In the order in which they are started."""
        found = [self.redis, *self.webs, *self.workers, *self.beats, self.proxy]
        return [program for program in found if program is not None]

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """manage.py with the stack's database."""
        return subprocess.run(  # noqa: S603
            [*_MANAGE, *arguments], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )

    def wait_for(self, url: str, program: Program, path: str = "/health") -> None:
        """Until `program` answers there. Raises Broken with what it said last."""
        deadline = time.monotonic() + _START_WITHIN_S
        while program.is_running and time.monotonic() < deadline:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}{path}", timeout=2):  # noqa: S310
                return
            time.sleep(0.1)
        raise Broken(f"{program.name} does not answer at {url}.\n{program.last_words()}")

    def stop(self) -> None:
        """End everything that still runs, the last started first."""
        for program in reversed(self.programs):
            if program.is_running:
                program.stop()


@contextmanager
def stack(
    folder: Path,
    *,
    webs: int = 2,
    workers: int = 1,
    beats: int = 1,
    with_redis: bool = True,
    with_proxy: bool = True,
    port: int = 0,
    durable: bool = False,
    disk: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Stack]:
    """Everything up and migrated for the length of a block. Raises ServiceMissing and Broken.

    `durable`: PostgreSQL waits for the disk; `disk`: where its data is. Without Redis the servers hold the clock
    themselves. Enter it in the main thread: what it starts ends with the thread that started it.
    """
    with ExitStack() as ends:
        running = Stack(folder)
        port = port or _free_port()
        url = f"http://127.0.0.1:{port}"
        running.environment = _clean(os.environ) | {
            "SM_SECRET_KEY": secrets.token_urlsafe(50),
            "SM_DATA_DIR": str(folder / "data"),
            "SM_BASE_URL": url,
            "SM_TRUSTED_PROXIES": "127.0.0.1",
            "DATABASE_URL": os.environ.get("STACK_DATABASE_URL", ""),
            "PYTHONUNBUFFERED": "1",
            **(variables or {}),
        }
        if not running.environment["DATABASE_URL"]:
            running.database = ends.enter_context(cluster(durable=durable, disk=disk))
            running.environment["DATABASE_URL"] = running.database.url
        ends.callback(running.stop)
        if with_redis:
            _start_redis(running)
        migrated = running.manage("migrate", "-v", "0")
        if migrated.returncode:
            raise Broken(f"The database cannot be migrated.\n{migrated.stderr[-2000:]}")
        _start_servers(running, webs=webs, workers=workers, beats=beats, first_port=0 if with_proxy else port)
        running.url = running.web_urls[0] if webs else ""
        if with_proxy:
            _start_proxy(running, port)
        yield running


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    """What is not ours: the stack's processes have settings of their own."""
    return {name: value for name, value in environment.items() if name not in VARIABLES}


def _start_redis(running: Stack) -> None:
    given = os.environ.get("STACK_REDIS_URL")
    port = _free_port()
    running.environment["REDIS_URL"] = given or f"redis://127.0.0.1:{port}/0"
    if given:
        _require_redis(given)
        return
    folder = running.folder / "redis"
    folder.mkdir()
    command = [redis_server(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    running.redis = Program("redis", command, _clean(os.environ), running.folder / "redis.log")
    running.redis.start()
    deadline = time.monotonic() + _START_WITHIN_S
    while not _listens(port):
        if not running.redis.is_running or time.monotonic() > deadline:
            raise Broken(f"Redis does not answer.\n{running.redis.last_words()}")
        time.sleep(0.02)


def _require_redis(url: str) -> None:
    try:
        with Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
            client.ping()
    except (RedisError, ValueError, TypeError) as error:
        raise Broken(f"STACK_REDIS_URL: Redis does not answer there: {error}.") from error


def _start_servers(running: Stack, *, webs: int, workers: int, beats: int, first_port: int) -> None:
    def program(name: str, command: Sequence[str], **variables: str) -> Program:
        own = running.environment | {"PGAPPNAME": name} | variables  # so that PostgreSQL tells them apart
        found = Program(name, command, own, running.folder / f"{name}.log")
        found.start()
        return found

    for number in range(1, webs + 1):
        port = first_port if first_port and number == 1 else _free_port()
        running.web_urls.append(f"http://127.0.0.1:{port}")
        running.webs.append(program(f"web-{number}", [*_MANAGE, "serve", "--port", str(port)]))
    for number in range(1, workers + 1):
        running.workers.append(program(f"worker-{number}", [*_CELERY, "worker", "-n", f"worker-{number}@%h"]))
    for number in range(1, beats + 1):
        running.beats.append(program(f"beat-{number}", [*_CELERY, "beat", "--pidfile="]))
    for url, web in zip(running.web_urls, running.webs, strict=True):
        running.wait_for(url, web)


def _start_proxy(running: Stack, port: int) -> None:
    if _listens(port):  # somebody came while the others started: their answer must not pass for ours
        raise Broken(_taken(port))
    program = nginx()
    running.folder.chmod(0o755)  # nginx's own workers run as nobody
    (running.folder / "nginx").mkdir()
    settings = running.folder / "nginx" / "nginx.conf"
    settings.write_text(proxy_settings(running.web_urls, port=port, folder=running.folder / "nginx"))
    command = [program, "-e", "stderr", "-c", str(settings), "-p", str(settings.parent), "-g", "daemon off;"]
    running.proxy = Program("proxy", command, _clean(os.environ), running.folder / "nginx.log")
    running.proxy.start()
    running.url = f"http://127.0.0.1:{port}"
    running.wait_for(running.url, running.proxy)


def proxy_settings(web_urls: Sequence[str], *, port: int, folder: Path) -> str:
    """nginx.conf of a proxy on the loopback, which treats requests as deploy/nginx/site.conf does."""
    servers = "\n".join(f"server {url.removeprefix('http://')} max_fails=1 fail_timeout=2s;" for url in web_urls)
    temporary = "\n".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""\
pid {folder}/nginx.pid;
worker_processes 1;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    server_tokens off;
    {temporary}
    upstream market {{
        {servers}
        keepalive 32;
    }}
    map $http_upgrade $market_connection {{ default upgrade; "" ""; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{ include {ROOT}/deploy/nginx/proxy.conf; }}
    }}
}}
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _taken(port: int) -> str:
    return f"Port {port} is taken: give another one with --port."


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main(arguments: Sequence[str]) -> int:
    """bin/stack: up, say where, and down at Ctrl-C, or when a part is lost."""
    parser = argparse.ArgumentParser(
        prog="bin/stack",
        description="Run the processes of production here, without containers, until Ctrl-C.",
        epilog="STACK_DATABASE_URL and STACK_REDIS_URL: use these instead of a PostgreSQL and a Redis of its own, "
        "whose data is gone when it stops.",
    )
    parser.add_argument("--port", type=int, default=8080, help="the proxy's port (8080)")
    parser.add_argument("--webs", type=int, default=2, help="how many server processes (2)")
    parser.add_argument("--workers", type=int, default=1, help="how many workers (1)")
    parser.add_argument("--beats", type=int, default=1, help="how many beats; one ticks, the others wait (1)")
    parser.add_argument("--exit", action="store_true", help="come up, say that all is well, and go")
    options = parser.parse_args(arguments)
    counts = {"webs": options.webs, "workers": options.workers, "beats": options.beats}
    if not 1 <= options.port <= 65535 or not all(1 <= count <= 16 for count in counts.values()):
        parser.error("--port goes from 1 to 65535, --webs, --workers and --beats from 1 to 16")
    if _listens(options.port):
        return _refuse(_taken(options.port))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    with tempfile.TemporaryDirectory(prefix="stack-", ignore_cleanup_errors=True) as folder:
        try:
            with stack(Path(folder), port=options.port, with_proxy=_has_proxy(), **counts) as running:
                _tell(running)
                while not options.exit:
                    time.sleep(0.5)
                    lost = [program for program in running.programs if not program.is_running]
                    if lost:
                        return _refuse(f"{lost[0].name} has ended; all stops.\n{lost[0].last_words()}")
        except (ServiceMissing, Broken) as error:
            return _refuse(str(error))
        except KeyboardInterrupt:
            sys.stdout.write("\nStopped.\n")
    return 0


def _has_proxy() -> bool:
    try:
        nginx()
    except ServiceMissing as missing:
        sys.stderr.write(f"{missing} Going on without a proxy.\n")
        return False
    return True


def _tell(running: Stack) -> None:
    lines = [f"{program.name:<10} pid {program.pid}" for program in running.programs]
    if running.database:
        lines.insert(0, f"{'postgresql':<10} pid {running.database.pid}")
    for web, url in zip(running.webs, running.web_urls, strict=True):
        lines[lines.index(f"{web.name:<10} pid {web.pid}")] += f"  {url}"
    sys.stdout.write("\n".join([*lines, "", f"Address: {running.url}", f"Logs: {running.folder}", ""]))
    python = Path(sys.executable)
    sys.stdout.write(
        f"An administrator: DATABASE_URL={running.environment['DATABASE_URL']} {python} manage.py createsuperuser\n"
        "Ctrl-C stops everything that this started.\n"
    )
    sys.stdout.flush()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _refuse(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
