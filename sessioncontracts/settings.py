"""Settings, from the environment only. A wrong or missing value stops the start with a sentence."""

import os
from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
env = os.environ


def _flag(name: str, *, default: bool) -> bool:
    text = env.get(name, str(default)).strip().lower()
    if text not in {"true", "false", "1", "0", "yes", "no", "on", "off"}:
        raise ImproperlyConfigured(f"{name} must be true or false, not {text!r}.")
    return text in {"true", "1", "yes", "on"}


def _database(variable: str, default: str) -> dict[str, object]:
    url = env.get(variable) or default
    if url.split(":", 1)[0] not in {"sqlite", "postgres", "postgresql"}:
        raise ImproperlyConfigured(f"{variable} must begin with sqlite:// or postgresql://, not {url[:12]!r}.")
    database: dict[str, object] = dict(dj_database_url.parse(url))
    if database["ENGINE"] == "django.db.backends.sqlite3":
        # IMMEDIATE takes the write lock at BEGIN: SQLite ignores SELECT ... FOR UPDATE, and a deferred
        # transaction that upgrades itself fails with "database is locked". See docs/ledger.md.
        database["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
            "PRAGMA foreign_keys=ON;PRAGMA recursive_triggers=ON;",
        }
        database["TEST"] = {"NAME": f"{database['NAME']}.test"}  # a file: threads share it as they do in life
    else:
        database["CONN_MAX_AGE"] = 0
        database["OPTIONS"] = {"pool": {"min_size": 1, "max_size": 20, "timeout": 5}}
    return database


DEBUG = _flag("SM_DEBUG", default=False)
DATA_DIR = Path(env.get("SM_DATA_DIR") or BASE_DIR / "data")
DATA_DIR.mkdir(parents=True, exist_ok=True)
# No doors are open yet, so nothing is signed across processes and a key of the day will do.
SECRET_KEY = env.get("SM_SECRET_KEY") or get_random_secret_key()

DATABASES = {"default": _database("DATABASE_URL", f"sqlite:///{DATA_DIR / 'market.sqlite3'}")}
if env.get("DATABASE_OWNER_URL"):
    DATABASES["owner"] = _database("DATABASE_OWNER_URL", "")  # migrate and purge run under this role
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "accounts",
    "ledger",
    "oracle",
    "markets",
]
AUTH_USER_MODEL = "accounts.User"
ROOT_URLCONF = "sessioncontracts.urls"
USE_TZ = True
TIME_ZONE = "UTC"

# Seed 001: with false, a session with a fixed t2 cannot be closed or settled by hand before it.
ALLOW_MANUAL_SETTLE = _flag("ALLOW_MANUAL_SETTLE", default=True)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.get("SM_LOG_LEVEL") or "WARNING"},
}
