"""Settings, from the environment only. A wrong or missing value stops the start with a sentence."""

from pathlib import Path
from urllib.parse import quote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from common.hosts import is_loopback
from sessioncontracts import databases
from sessioncontracts.environment import Environment, kept_secret, made_folder, unfit_for_public

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()
env.refuse_unknown()


DEBUG = env.flag("SM_DEBUG", default=False)
DATA_DIR = made_folder("SM_DATA_DIR", Path(env.text("SM_DATA_DIR") or BASE_DIR / "data"))
SECRET_KEY = env.secret_key() or kept_secret(DATA_DIR / "secret_key")
UNFIT_FOR_PUBLIC = unfit_for_public(debug=DEBUG, given_key=env.secret_key())

# Where people find the server. https says that a proxy before us speaks it: then cookies, redirects and HSTS insist.
BASE_URL = env.origin("SM_BASE_URL")
_HOST = urlsplit(BASE_URL).hostname or ""
if BASE_URL and UNFIT_FOR_PUBLIC and not is_loopback(_HOST):
    raise ImproperlyConfigured(f"{BASE_URL} is a public address. {UNFIT_FOR_PUBLIC}")
ALLOWED_HOSTS = [
    *env.hosts("SM_ALLOWED_HOSTS", f"[{_HOST}]" if ":" in _HOST else _HOST),
    "localhost",
    "127.0.0.1",
    "[::1]",
]
CSRF_TRUSTED_ORIGINS = [*env.origins("SM_TRUSTED_ORIGINS"), *([BASE_URL] if BASE_URL else [])]
TRUSTED_PROXIES = env.networks("SM_TRUSTED_PROXIES")
HTTPS = BASE_URL.startswith("https://")
if HTTPS and not TRUSTED_PROXIES:
    raise ImproperlyConfigured(
        "SM_BASE_URL is https, so a proxy must say how a request came: name its address in SM_TRUSTED_PROXIES."
    )
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health(/|$)"]  # whoever watches the process asks it directly
SECURE_HSTS_SECONDS = env.number("SM_HSTS_SECONDS", default=31_536_000, least=0, most=63_072_000) * HTTPS
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_HSTS_SECONDS > 0

REGISTRATION = env.text("SM_REGISTRATION", "open")
if REGISTRATION not in {"open", "code", "closed"}:
    raise ImproperlyConfigured(f"SM_REGISTRATION must be open, code or closed, not {REGISTRATION!r}.")
REGISTRATION_CODE = env.text("SM_REGISTRATION_CODE")
if REGISTRATION == "code" and not REGISTRATION_CODE:
    raise ImproperlyConfigured("SM_REGISTRATION is code, so SM_REGISTRATION_CODE must say which.")

_CONNECTIONS = env.number("SM_DATABASE_CONNECTIONS", default=20, least=8, most=1000)
DATABASES = {
    "default": databases.parsed(
        "DATABASE_URL",
        env.text("DATABASE_URL", f"sqlite:///{quote(str(DATA_DIR / 'market.sqlite3'))}"),
        connections=_CONNECTIONS,
    )
}
if owner := env.text("DATABASE_OWNER_URL"):  # migrate and purge run under this role
    DATABASES["owner"] = databases.parsed("DATABASE_OWNER_URL", owner, connections=_CONNECTIONS)
    if DATABASES["owner"]["ENGINE"] != DATABASES["default"]["ENGINE"]:
        raise ImproperlyConfigured("DATABASE_OWNER_URL and DATABASE_URL must be of the same kind.")
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
    "accounts.web.signed_out.refuse_parts",
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
STATIC_ROOT = made_folder("SM_DATA_DIR", DATA_DIR / "static")  # whitenoise looks there at the start
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
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2500  # the page of a new session has four for each participant

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
