"""Every variable that the settings read, and how each is read. `.env.example` and docs/commands.md list the same."""

import difflib
import ipaddress
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

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
        if not (text.isascii() and text.isdecimal() and least <= int(text) <= most):
            raise ImproperlyConfigured(f"{name} must be a whole number from {least} to {most}, not {text!r}.")
        return int(text)

    def names(self, name: str, default: str = "") -> list[str]:
        """What commas separate."""
        return [part.strip() for part in self.text(name, default).split(",") if part.strip()]

    def log_level(self) -> str:
        level = self.text("SM_LOG_LEVEL", "WARNING").upper()
        if level not in _LOG_LEVELS:
            raise ImproperlyConfigured(f"SM_LOG_LEVEL must be one of {', '.join(_LOG_LEVELS)}, not {level!r}.")
        return level

    def origins(self, name: str) -> list[str]:
        """Addresses of sites without a path: https://market.example.org"""
        found = self.names(name)
        for origin in found:
            scheme, separator, host = origin.partition("://")
            if scheme not in {"http", "https"} or not separator or not host or "/" in host:
                raise ImproperlyConfigured(
                    f"{name} takes addresses like https://market.example.org, without a path, not {origin!r}."
                )
        return found

    def origin(self, name: str) -> str:
        """One such address, or none."""
        found = self.origins(name)
        if len(found) > 1:
            raise ImproperlyConfigured(f"{name} takes one address, not {len(found)}.")
        return found[0] if found else ""

    def redis(self, name: str) -> str:
        url = self.text(name)
        if url and not url.startswith(("redis://", "rediss://", "unix://")):
            scheme = url.partition(":")[0]
            raise ImproperlyConfigured(f"{name} must begin with redis://, rediss:// or unix://, not {scheme[:12]!r}.")
        return url

    def networks(self, name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """Addresses and networks: 10.0.0.7, 172.16.0.0/12"""
        try:
            return [ipaddress.ip_network(text) for text in self.names(name)]
        except ValueError as error:
            raise ImproperlyConfigured(f"{name} takes addresses and networks like 10.0.0.0/8: {error}.") from error

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
