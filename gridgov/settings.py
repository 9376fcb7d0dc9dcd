"""The one settings file. Everything that a deployment changes comes from the environment (see ``.env.example``).

With nothing set it is the embedded default: SQLite, an in-process queue, and secrets made once and kept in ``var/``.
"""

import secrets
from datetime import timedelta
from pathlib import Path

from gridgov import env
from gridgov.common.observability import logs

BASE_DIR = Path(__file__).resolve().parent.parent
# Whatever the process writes: database, uploads, secrets of the embedded default, journal checkpoints.
DATA_DIR = env.folder("GRIDGOV_DATA_DIR", BASE_DIR / "var")

DEBUG = env.flag("DEBUG")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

# How long a connection is kept, and a statement may take (PostgreSQL; 0: for ever).
_connections = {
    "kept_seconds": env.number("CONN_MAX_AGE", 600),
    "statement_timeout_ms": env.number("STATEMENT_TIMEOUT_MS", 0),
}
DATABASES = {
    "default": env.database(env.text("DATABASE_URL", f"sqlite:///{DATA_DIR / 'gridgov.sqlite3'}"), **_connections)
}
# The server keeps what is asked all the time parsed and planned: of use where connections are kept. Off behind a pool
# that hands out another one for each transaction (PgBouncer).
PREPARED_STATEMENTS = env.flag("PREPARED_STATEMENTS", default=_connections["kept_seconds"] > 0)
# A copy that follows the database, for reports (gridgov.common.replica); not used while it lags by more.
_replica = env.text("DATABASE_REPLICA_URL")
if _replica:
    DATABASES["replica"] = env.database(_replica, name="DATABASE_REPLICA_URL", **_connections)
    DATABASES["replica"]["TEST"] = {"MIRROR": "default"}
DATABASE_ROUTERS = ["gridgov.common.replica.Router"]
REPLICA_LAG_SECONDS = env.number("REPLICA_LAG_SECONDS", 15)
# Embedded: one machine, one data folder. Only there may a missing secret be made up (gridgov.E001, E002).
EMBEDDED = DATABASES["default"]["ENGINE"] == "gridgov.sqlite"
REDIS_URL = env.text("REDIS_URL")

_secrets = {name: env.text(name) for name in ("SECRET_KEY", "JOURNAL_KEY")}
if EMBEDDED:
    _secrets = {name: value or env.stored_secret(DATA_DIR / name.lower()) for name, value in _secrets.items()}
# Named by gridgov.E001 and E002, which keep every process from starting.
MISSING_SECRETS = [name for name, value in _secrets.items() if not value]
# Django cannot even run its checks without a key: one that nobody knows.
SECRET_KEY = _secrets["SECRET_KEY"] or secrets.token_urlsafe(48)
# Key of the journal's HMAC chain. Whoever loses it cannot prove the journal any more: back it up apart from the data.
JOURNAL_KEY = _secrets["JOURNAL_KEY"]
# Each checkpoint of the journal is also a line of this file; keep a copy on another machine.
CHECKPOINT_FILE = env.text("CHECKPOINT_FILE", str(DATA_DIR / "checkpoints.log"))

INSTALLED_APPS = [
    # counts a failed sign-in before accounts hears of it
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "gridgov",
    "gridgov.common",
    "gridgov.accounts",
    "grids",
    "personnel",
    "incidents",
    "dispatch",
    "reporting",
    "gridgov.admin_apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework.authtoken",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "guardian",
    "leaflet",
    "django_htmx",
]

MIDDLEWARE = [
    "gridgov.common.observability.middleware.Observed",
    "gridgov.common.address.Remembered",
    "gridgov.common.address.ByAnyName",
    "gridgov.headers.Headers",
    "django.middleware.security.SecurityMiddleware",
    "gridgov.compression.CompressText",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "gridgov.language.ChosenLanguage",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "gridgov.accounts.middleware.SignedIn",
    "gridgov.accounts.middleware.NoteActivity",
    "gridgov.common.no_nul.Refused",
    "gridgov.common.replica.ReadYourWrites",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    # last: answers for whoever is locked out
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "gridgov.urls"
WSGI_APPLICATION = "gridgov.wsgi.application"
ASGI_APPLICATION = "gridgov.asgi.application"

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
        },
    },
]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "common.User"
AUTHENTICATION_BACKENDS = [
    # first: who is locked out is not asked for a password
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
    "gridgov.admin_access.AdminAccess",
]
_VALIDATION = "django.contrib.auth.password_validation"
PASSWORD_LENGTH = env.number("PASSWORD_LENGTH", 10)
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "name", "phone", "email")},
    },
    {"NAME": "gridgov.accounts.passwords.LongEnough", "OPTIONS": {"min_length": PASSWORD_LENGTH}},
    {"NAME": f"{_VALIDATION}.CommonPasswordValidator"},
    {"NAME": f"{_VALIDATION}.NumericPasswordValidator"},
    {"NAME": "gridgov.accounts.passwords.SeveralKinds"},
    {"NAME": "gridgov.accounts.passwords.NotUsedBefore"},
]
# So many of the last passwords may not be used again; after so many days a new one is asked for (0: never).
PASSWORD_HISTORY = env.number("PASSWORD_HISTORY", 5)
PASSWORD_DAYS = env.number("PASSWORD_DAYS", 90)

# Wrong passwords of one account from one address, and for how long they lock it there.
LOCKOUT_FAILURES = env.number("LOCKOUT_FAILURES", 5)
LOCKOUT_MINUTES = env.number("LOCKOUT_MINUTES", 15)
AXES_FAILURE_LIMIT = LOCKOUT_FAILURES
AXES_COOLOFF_TIME = timedelta(minutes=LOCKOUT_MINUTES)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "gridgov.common.address.of"
AXES_USERNAME_CALLABLE = "gridgov.accounts.lockouts.login_of"
AXES_LOCKOUT_CALLABLE = "dispatch.views.session.locked_out"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken", "next", "code"]
# Sign-ins stand in the audit trail, lockouts on a page of ours.
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

# Roles whose holders sign in with a second factor (TOTP); others may set one up. Demonstrations ask nobody.
TOTP_ROLES = env.words("TOTP_ROLES", ["system_admin", "security_admin", "audit_admin"])
if TOTP_ROLES == ["none"]:
    TOTP_ROLES = []
# What an authenticator app calls this site.
SITE_NAME = env.text("SITE_NAME", "gridgov")
# No anonymous row in the user table: the public has no account and no object permission.
ANONYMOUS_USER_NAME = None
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SAMESITE = "Lax"
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
TIME_ZONE = env.text("TIME_ZONE", "Asia/Shanghai")
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Set where the files were collected (the image); otherwise they are served straight from the source folders, so that
# the embedded default and the tests need no collectstatic.
STATIC_ROOT = env.text("STATIC_ROOT") or None
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_AUTOREFRESH = DEBUG
MEDIA_URL = "/media/"
MEDIA_ROOT = env.folder("MEDIA_ROOT", DATA_DIR / "media")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # where they are collected each is compressed once, and not at each request
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"
        if STATIC_ROOT
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
# A form or JSON body; uploaded files are not counted.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

CACHES = {
    "default": (
        {"BACKEND": "gridgov.cache.RedisCache", "LOCATION": REDIS_URL}
        if REDIS_URL
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "gridgov"}
    ),
    # before it, for a second (gridgov.common.kept): what many ask need not come from Redis each time
    "process": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "process",
        "OPTIONS": {"MAX_ENTRIES": 200},
    },
}  # fmt: skip

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Whoever does nothing for so long is signed out; the cookie goes with the browser.
IDLE_MINUTES = env.number("IDLE_MINUTES", 30)
SESSION_ENGINE = "gridgov.accounts.sessions"
SESSION_COOKIE_AGE = IDLE_MINUTES * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
# Behind a TLS proxy: cookies by TLS only, its word for the scheme, and browsers never come without TLS again.
BEHIND_TLS = env.flag("BEHIND_TLS")
SECURE_HSTS_SECONDS = env.number("HSTS_SECONDS", 365 * 24 * 3600) if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = BEHIND_TLS
SECURE_SSL_REDIRECT = BEHIND_TLS
# Asked from within by health checks and by what collects figures, which do not come through the proxy: not sent to
# HTTPS, and answered under whatever address the process has (gridgov.common.address.ByAnyName).
MACHINE_PATHS = ("healthz", "readyz", "livez", "metrics")
SECURE_REDIRECT_EXEMPT = [f"^{path}$" for path in MACHINE_PATHS]
# A host of a government's domain cannot speak for that domain, which preloading is about.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
SESSION_COOKIE_SECURE = BEHIND_TLS
CSRF_COOKIE_SECURE = BEHIND_TLS
LANGUAGE_COOKIE_SECURE = BEHIND_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "dispatch.api.authentication.TokenAuthentication",
        "dispatch.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["gridgov.common.api.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["gridgov.common.api.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "gridgov.common.problems.handle",
    # A throttle counts by the sender's address: X-Forwarded-For is anybody's to write but for our own proxy.
    "NUM_PROXIES": 1 if BEHIND_TLS else 0,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "gridgov API",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": True,
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "dispatch.api.schema.refusals"],
    "ENUM_NAME_OVERRIDES": {
        "StageEnum": "incidents.workflow.Stage",
        "StatusEnum": "incidents.workflow.Status",
        "ActionEnum": "incidents.workflow.Action",
        "RequestKindEnum": "incidents.workflow.RequestKind",
        "RequestStateEnum": "dispatch.models.Request.State",
        "TicketStateEnum": "dispatch.models.Ticket.State",
        "ClockStateEnum": "incidents.models.Clock.State",
        "ClockKindEnum": "incidents.models.ClockKind",
        "AttachmentKindEnum": "incidents.models.Attachment.Kind",
        "SourceEnum": "incidents.models.Incident.Source",
    },
    # The assets of the documentation come with the software: no CDN.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# A signed address of a file is good for so long.
MEDIA_LINK_MINUTES = 5
# Photos are kept up to so many bytes and pixels as sent, and no longer than the edge once written anew.
ATTACHMENT_IMAGE_MB = 30
ATTACHMENT_PDF_MB = 20
ATTACHMENT_VIDEO_MB = 100
ATTACHMENT_PIXELS = 64_000_000
ATTACHMENT_EDGE = 2560

# Exported lists, for web and worker alike, and for how long they can be fetched.
EXPORT_ROOT = env.folder("EXPORT_ROOT", DATA_DIR / "exports")
EXPORT_KEPT_HOURS = env.number("EXPORT_KEPT_HOURS", 72)

# No tile server unless a deployment names one: the grids themselves are the map.
MAP_TILES = env.tile_sources("MAP_TILES")
LEAFLET_CONFIG = {"TILES": [], "RESET_VIEW": False, "ATTRIBUTION_PREFIX": ""}

# Lines for people or JSON for machines; phone numbers, passwords and links of the public are blanked in both.
LOG_FORMAT = env.choice("LOG_FORMAT", logs.FORMATS, "line")
LOGGING = logs.configuration(
    form=LOG_FORMAT,
    level=env.text("LOG_LEVEL", "INFO"),
    requests=env.flag("LOG_REQUESTS", default=LOG_FORMAT == "json"),
)
# What takes longer is logged (requests) and counted on /ops/system/ (statements); 0: never.
SLOW_REQUEST_MS = env.number("SLOW_REQUEST_MS", 1000)
SLOW_STATEMENT_MS = env.number("SLOW_STATEMENT_MS", 200)

# Who may read /metrics: who sends the token, or asks directly, past no proxy, from one of the networks.
METRICS_TOKEN = env.text("METRICS_TOKEN")
METRICS_ALLOW = env.networks("METRICS_ALLOW", ["127.0.0.0/8", "::1"])
# Where workers and beat, which serve no pages, answer Prometheus; 0: nowhere.
METRICS_PORT = env.number("METRICS_PORT", 0)

# Neither is imported, or need be installed, unless set (gridgov.common.observability.tracing).
SENTRY_DSN = env.text("SENTRY_DSN")
OTEL_EXPORTER_OTLP_ENDPOINT = env.text("OTEL_EXPORTER_OTLP_ENDPOINT")
