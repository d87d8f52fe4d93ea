"""Settings, from the environment only. A wrong or missing value stops the start with a sentence."""

from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

from common.hosts import is_loopback
from sessioncontracts.environment import Environment, unfit_for_public

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()
env.refuse_unknown()


def _database(variable: str, default: str) -> dict[str, object]:
    url = env.text(variable, default)
    if url.split(":", 1)[0] not in {"sqlite", "postgres", "postgresql"}:
        raise ImproperlyConfigured(f"{variable} must begin with sqlite:// or postgresql://, not {url[:12]!r}.")
    database: dict[str, object] = dict(dj_database_url.parse(url))
    if database["ENGINE"] == "django.db.backends.sqlite3":
        # IMMEDIATE takes the write lock at BEGIN: SQLite ignores SELECT ... FOR UPDATE, and a deferred
        # transaction that upgrades itself fails with "database is locked". See docs/ledger.md.
        database["CONN_MAX_AGE"] = None  # the threads stay, and opening costs more than most requests
        database["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 4,  # s; less than the runtime's patience (5 s), which alone decides when to give up
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
            "PRAGMA foreign_keys=ON;PRAGMA recursive_triggers=ON;",
        }
        database["TEST"] = {"NAME": f"{database['NAME']}.test"}  # a file: threads share it as they do in life
    else:
        database["CONN_MAX_AGE"] = 0
        most = env.number("SM_DATABASE_CONNECTIONS", default=20, least=8, most=1000)
        database["OPTIONS"] = {
            "pool": {"min_size": 1, "max_size": most, "timeout": 5},
            "options": "-c lock_timeout=2s",  # whoever waits for a process that hangs must be able to say so
        }
    return database


def _kept_secret(path: Path) -> str:
    """The key of this installation, made once and kept beside its data."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(get_random_secret_key())
    return path.read_text()


DEBUG = env.flag("SM_DEBUG", default=False)
DATA_DIR = Path(env.text("SM_DATA_DIR") or BASE_DIR / "data")
DATA_DIR.mkdir(parents=True, exist_ok=True)
SECRET_KEY = env.secret_key() or _kept_secret(DATA_DIR / "secret_key")
UNFIT_FOR_PUBLIC = unfit_for_public(debug=DEBUG, given_key=env.secret_key())

# Where people find the server. https says that a proxy before us speaks it: then cookies, redirects and HSTS insist.
BASE_URL = env.origin("SM_BASE_URL")
_HOST = urlsplit(BASE_URL).hostname or ""
if BASE_URL and UNFIT_FOR_PUBLIC and not is_loopback(_HOST):
    raise ImproperlyConfigured(f"{BASE_URL} is a public address. {UNFIT_FOR_PUBLIC}")
ALLOWED_HOSTS = [*env.names("SM_ALLOWED_HOSTS", _HOST), "localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = [*env.origins("SM_TRUSTED_ORIGINS"), *([BASE_URL] if BASE_URL else [])]
TRUSTED_PROXIES = env.networks("SM_TRUSTED_PROXIES")
HTTPS = BASE_URL.startswith("https://")
if HTTPS and not TRUSTED_PROXIES:
    raise ImproperlyConfigured(
        "SM_BASE_URL is https, so a proxy must say how a request came: name its address in SM_TRUSTED_PROXIES."
    )
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health(/|$)"]  # whoever watches the process asks it directly
SECURE_HSTS_SECONDS = env.number("SM_HSTS_SECONDS", default=31_536_000, least=0, most=63_072_000) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_HSTS_SECONDS > 0

REGISTRATION = env.text("SM_REGISTRATION", "open")
if REGISTRATION not in {"open", "code", "closed"}:
    raise ImproperlyConfigured(f"SM_REGISTRATION must be open, code or closed, not {REGISTRATION!r}.")
REGISTRATION_CODE = env.text("SM_REGISTRATION_CODE")

DATABASES = {"default": _database("DATABASE_URL", f"sqlite:///{DATA_DIR / 'market.sqlite3'}")}
if env.get("DATABASE_OWNER_URL"):
    DATABASES["owner"] = _database("DATABASE_OWNER_URL", "")  # migrate and purge run under this role
HTTP_THREADS = 16  # of a process; each holds a connection while it serves a request
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "daphne",
    "sessioncontracts.apps.AuditedAdminConfig",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "channels",
    "django_celery_beat",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "accounts",
    "ledger",
    "oracle",
    "markets",
    "predictions",
]
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.Passwords"]
ROOT_URLCONF = "sessioncontracts.urls"
ASGI_APPLICATION = "sessioncontracts.asgi.application"
MIDDLEWARE = [
    "sessioncontracts.whence.note_address",
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
                "accounts.web.theme.chosen",
            ],
            "libraries": {
                "market": "markets.web.filters",
                "prediction": "predictions.web.filters",
            },
        },
    }
]
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
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
REDIS_URL = env.redis("REDIS_URL")  # empty: one process, everything in memory
CHANNEL_LAYERS: dict[str, dict[str, object]] = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
if REDIS_URL:
    CHANNEL_LAYERS["default"] = {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "sm"},
    }
CELERY_APP = "sessioncontracts.celery.app"
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1) or "memory://"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A Redis that says nothing must not keep anybody waiting: whoever speaks to it gives up, and comes back later.
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5, "socket_connect_timeout": 2, "health_check_interval": 5}
CELERY_BEAT_SCHEDULER = "sessioncontracts.scheduler:OneScheduler"
CELERY_TASK_DEFAULT_QUEUE = "session-contracts"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY = False  # the next poke comes soon enough
CELERY_WORKER_CONCURRENCY = 4
CELERY_WORKER_POOL = "threads"  # they share warm states and database connections
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.KeyAuthentication",
        "accounts.authentication.BrowserAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["common.api.body.PlainJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["common.api.body.DecimalJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "common.api.body.AlwaysJSON",
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
    "POSTPROCESSING_HOOKS": [
        "markets.api.schema.add_components",
        "predictions.api.schema.add_components",
    ],
}

# Order entry per user and session, where the session says nothing else (docs/limits.md); 0: no limit.
ORDERS_PER_SECOND = env.number("SM_ORDERS_PER_SECOND", default=100, least=0, most=1_000_000)
ORDER_BURST = env.number("SM_ORDER_BURST", default=0, least=0, most=1_000_000)  # 0: ten seconds' worth

USE_TZ = True
TIME_ZONE = "UTC"

# Seed 001: with false, a session with a fixed t2 cannot be closed or settled by hand before it.
ALLOW_MANUAL_SETTLE = env.flag("ALLOW_MANUAL_SETTLE", default=True)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "sessioncontracts.logs.WithoutSecrets",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "level": env.log_level(),  # here too: Django's own loggers have their own levels
        }
    },
    "loggers": {  # four times a second they would say that they live
        "celery.beat": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
    "root": {"handlers": ["stderr"], "level": env.log_level()},
}
