"""Every variable that the settings read, and how each is read. `.env.example` and docs/commands.md list the same."""

import difflib
import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

VARIABLES = frozenset(
    {
        "ALLOW_MANUAL_SETTLE",
        "DATABASE_OWNER_URL",
        "DATABASE_URL",
        "REDIS_URL",
        "SM_ALLOWED_HOSTS",
        "SM_BASE_URL",
        "SM_DATABASE_CONNECTIONS",
        "SM_DATA_DIR",
        "SM_DEBUG",
        "SM_HSTS_SECONDS",
        "SM_LOG_LEVEL",
        "SM_ORDERS_PER_SECOND",
        "SM_ORDER_BURST",
        "SM_REGISTRATION",
        "SM_REGISTRATION_CODE",
        "SM_SECRET_KEY",
        "SM_SECRET_KEY_FILE",
        "SM_TRUSTED_ORIGINS",
        "SM_TRUSTED_PROXIES",
    }
)
_OF_OTHERS = frozenset({"SM_KEY"})
"""SM_ names that are not the server's: the Python client's key."""
_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_SHORTEST_KEY, _FEWEST_SIGNS = 50, 5
_MOST_DIGITS = 20
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")


class Environment(Mapping[str, str]):
    """The process's variables. Reading one that is not declared above is an error; an empty one counts as none."""

    def __init__(self, given: Mapping[str, str] = os.environ) -> None:
        self._given = given

    def __getitem__(self, name: str) -> str:
        if name not in VARIABLES:
            raise ImproperlyConfigured(f"{name} is read but not declared in sessioncontracts/environment.py.")
        return self._given[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in VARIABLES if name in self._given)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def text(self, name: str, default: str = "") -> str:
        return self.get(name, "").strip() or default

    def flag(self, name: str, *, default: bool) -> bool:
        text = self.text(name, str(default)).lower()
        if text not in {"true", "false", "1", "0", "yes", "no", "on", "off"}:
            raise ImproperlyConfigured(f"{name} must be true or false, not {text!r}.")
        return text in {"true", "1", "yes", "on"}

    def number(self, name: str, *, default: int, least: int, most: int) -> int:
        text = self.text(name, str(default))
        is_number = text.isascii() and text.isdecimal() and len(text) < _MOST_DIGITS
        if not (is_number and least <= int(text) <= most):
            raise ImproperlyConfigured(f"{name} must be a whole number from {least} to {most}, not {text[:20]!r}.")
        return int(text)

    def names(self, name: str, default: str = "") -> list[str]:
        """What commas separate."""
        return [part.strip() for part in self.text(name, default).split(",") if part.strip()]

    def log_level(self) -> str:
        level = self.text("SM_LOG_LEVEL", "WARNING").upper()
        if level not in _LOG_LEVELS:
            raise ImproperlyConfigured(f"SM_LOG_LEVEL must be one of {', '.join(_LOG_LEVELS)}, not {level!r}.")
        return level

    def hosts(self, name: str, default: str = "") -> list[str]:
        """Names and addresses to answer to: market.example.org, .example.org, 192.168.1.20, [::1]"""
        found = self.names(name, default)
        for host in found:
            if not _is_host(host.removeprefix(".")):
                raise ImproperlyConfigured(
                    f"{name} takes names like market.example.org, without port, path or *, not {host!r}."
                )
        return found

    def origins(self, name: str) -> list[str]:
        """Addresses of sites without a path, in small letters as browsers send them: https://market.example.org"""
        found = [origin.lower() for origin in self.names(name)]
        for origin in found:
            if not _is_origin(origin.replace("://*.", "://", 1)):
                raise ImproperlyConfigured(
                    f"{name} takes addresses like https://market.example.org, without a path, not {origin!r}."
                )
        return found

    def origin(self, name: str) -> str:
        """One such address, or none."""
        found = self.origins(name)
        if len(found) > 1 or "*" in "".join(found):
            raise ImproperlyConfigured(f"{name} takes one address, not {len(found) if found[1:] else found[0]!r}.")
        return found[0] if found else ""

    def redis(self, name: str) -> str:
        """Where a Redis is, or empty."""
        url = self.text(name)
        if url and not url.startswith(("redis://", "rediss://", "unix://")):
            scheme = url.partition(":")[0]
            raise ImproperlyConfigured(f"{name} must begin with redis://, rediss:// or unix://, not {scheme[:12]!r}.")
        if url and not _is_redis(url):
            raise ImproperlyConfigured(f"{name} cannot be read: it must look like redis://:password@host:6379/0.")
        return url

    def networks(self, name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """Addresses and networks: 10.0.0.7, 172.16.0.0/12"""
        try:
            found = [ipaddress.ip_network(text) for text in self.names(name)]
        except ValueError as error:
            raise ImproperlyConfigured(f"{name} takes addresses and networks like 10.0.0.0/8: {error}.") from error
        if any(network.prefixlen == 0 for network in found):
            raise ImproperlyConfigured(f"{name} would be everybody: name the address of your proxy, or its network.")
        return found

    def secret_key(self) -> str:
        """The key that was given, directly or in a file; empty where none was."""
        path = self.text("SM_SECRET_KEY_FILE")
        if not path:
            return self.text("SM_SECRET_KEY")
        if self.text("SM_SECRET_KEY"):
            raise ImproperlyConfigured("Give either SM_SECRET_KEY or SM_SECRET_KEY_FILE, not both.")
        try:
            key = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(f"SM_SECRET_KEY_FILE cannot be read: {error}.") from error
        if not key:
            raise ImproperlyConfigured(f"SM_SECRET_KEY_FILE: {path} is empty.")
        return key

    def refuse_unknown(self) -> None:
        """A variable that begins with SM_ and means nothing was misspelt, or is of another version."""
        for name in sorted(self._given):
            if name.startswith("SM_") and name not in VARIABLES | _OF_OTHERS:
                close = difflib.get_close_matches(name, sorted(VARIABLES), n=1)
                hint = f" Did you mean {close[0]}?" if close else ""
                raise ImproperlyConfigured(f"{name} is not a variable of this server.{hint}")


def made_folder(name: str, path: Path) -> Path:
    """The folder of variable `name`, made if it is not there. Raises ImproperlyConfigured."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"{name}: {path} is no folder to write in: {error.strerror}.") from error
    return path


def kept_secret(path: Path) -> str:
    """The key of this installation, made once and kept beside its data; of several who make it at once, one wins."""
    try:
        if not path.exists():
            with NamedTemporaryFile("w", prefix="secret_key.", dir=path.parent) as made:  # its owner's alone
                made.write(get_random_secret_key())
                made.flush()
                with suppress(FileExistsError):
                    os.link(made.name, path)
        return path.read_text()
    except OSError as error:
        raise ImproperlyConfigured(f"SM_DATA_DIR: the key {path} cannot be kept: {error.strerror}.") from error


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    whole = f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")
    return parts.scheme in {"http", "https"} and _is_host(host) and whole == text


def _is_host(text: str) -> bool:
    if text.startswith("[") and text.endswith("]"):
        try:
            ipaddress.IPv6Address(text[1:-1])
        except ValueError:
            return False
        return True
    return bool(_HOST.fullmatch(text))


def _is_redis(url: str) -> bool:
    """Whether clients of Redis can be made of it, and Celery finds the number of a database at its end."""
    from redis import Redis

    try:
        parts = urlsplit(url)
        Redis.from_url(url).connection_pool.make_connection()
    except (ValueError, TypeError):
        return False
    return bool(parts.path) if parts.scheme == "unix" else re.fullmatch(r"/?[0-9]*", parts.path) is not None


def unfit_for_public(*, debug: bool, given_key: str) -> str:
    """Why a server with these must not be reached from other machines, in a sentence; empty where it may."""
    if debug:
        return "SM_DEBUG must be false there: debug pages show the settings and the code to everybody."
    make_one = "Make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(50))'"
    if not given_key:
        return f"SM_SECRET_KEY must be set there. {make_one}"
    if (
        len(given_key) < _SHORTEST_KEY
        or len(set(given_key)) < _FEWEST_SIGNS
        or given_key.startswith("django-insecure-")
    ):
        return f"SM_SECRET_KEY must be at least {_SHORTEST_KEY} random characters there. {make_one}"
    return ""
