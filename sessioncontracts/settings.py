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


def _kept_secret(path: Path) -> str:
    """The key of this installation, made once and kept beside its data."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(get_random_secret_key())
    return path.read_text()


DEBUG = _flag("SM_DEBUG", default=False)
DATA_DIR = Path(env.get("SM_DATA_DIR") or BASE_DIR / "data")
DATA_DIR.mkdir(parents=True, exist_ok=True)
SECRET_KEY = env.get("SM_SECRET_KEY") or _kept_secret(DATA_DIR / "secret_key")
ALLOWED_HOSTS = env.get("SM_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [origin for origin in env.get("SM_TRUSTED_ORIGINS", "").split(",") if origin]
REGISTRATION = env.get("SM_REGISTRATION", "open")
if REGISTRATION not in {"open", "code", "closed"}:
    raise ImproperlyConfigured(f"SM_REGISTRATION must be open, code or closed, not {REGISTRATION!r}.")
REGISTRATION_CODE = env.get("SM_REGISTRATION_CODE", "")

DATABASES = {"default": _database("DATABASE_URL", f"sqlite:///{DATA_DIR / 'market.sqlite3'}")}
if env.get("DATABASE_OWNER_URL"):
    DATABASES["owner"] = _database("DATABASE_OWNER_URL", "")  # migrate and purge run under this role
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "channels",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "accounts",
    "ledger",
    "oracle",
    "markets",
]
AUTH_USER_MODEL = "accounts.User"
ROOT_URLCONF = "sessioncontracts.urls"
ASGI_APPLICATION = "sessioncontracts.asgi.application"
MIDDLEWARE = [
    "sessioncontracts.aliases.WithoutPrefix",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "libraries": {"market": "markets.web.filters"},
        },
    }
]
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STATIC_ROOT.mkdir(exist_ok=True)  # whitenoise looks there at the start
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
REDIS_URL = env.get("REDIS_URL", "")  # empty: one process, everything in memory
CHANNEL_LAYERS: dict[str, dict[str, object]] = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
if REDIS_URL:
    CHANNEL_LAYERS["default"] = {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "sm"},
    }
CELERY_APP = "sessioncontracts.celery.app"
CELERY_BROKER_URL = REDIS_URL or "memory://"
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.KeyAuthentication",
        "accounts.authentication.BrowserAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["markets.api.body.DecimalJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "markets.api.body.AlwaysJSON",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "sessioncontracts.api_errors.problem",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Session contracts",
    "VERSION": "1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "DESCRIPTION": "Markets on a fixed, fully funded basket. Numbers are text, errors problem+json. See docs/api.md.",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "POSTPROCESSING_HOOKS": ["markets.api.schema.add_components"],
}

USE_TZ = True
TIME_ZONE = "UTC"

# Seed 001: with false, a session with a fixed t2 cannot be closed or settled by hand before it.
ALLOW_MANUAL_SETTLE = _flag("ALLOW_MANUAL_SETTLE", default=True)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "level": env.get("SM_LOG_LEVEL") or "WARNING",  # here too: Django's own loggers have their own levels
        }
    },
    "loggers": {"celery.beat": {"level": "WARNING"}},  # it would say four times a second that it ticks
    "root": {"handlers": ["stderr"], "level": env.get("SM_LOG_LEVEL") or "WARNING"},
}
