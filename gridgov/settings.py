"""The one settings file. Everything that a deployment changes comes from the environment (see ``.env.example``).

With nothing set it is the embedded default: SQLite, an in-process queue, and secrets made once and kept in ``var/``.
"""

import secrets
from pathlib import Path

from gridgov import env

BASE_DIR = Path(__file__).resolve().parent.parent
# Whatever the process writes: database, uploads, secrets of the embedded default, journal checkpoints.
DATA_DIR = env.folder("GRIDGOV_DATA_DIR", BASE_DIR / "var")

DEBUG = env.flag("DEBUG")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

DATABASES = {"default": env.database(env.text("DATABASE_URL", f"sqlite:///{DATA_DIR / 'gridgov.sqlite3'}"))}
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
    "gridgov",
    "gridgov.common",
    "grids",
    "personnel",
    "incidents",
    "dispatch",
    "reporting",
    "gridgov.admin_apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
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
    "django.middleware.security.SecurityMiddleware",
    "gridgov.compression.CompressText",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "gridgov.language.ChosenLanguage",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
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
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
    "gridgov.admin_access.AdminAccess",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
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
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
        if REDIS_URL
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "gridgov"}
    ),
}

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# Behind a TLS proxy: cookies by TLS only, and its word for the scheme.
BEHIND_TLS = env.flag("BEHIND_TLS")
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

# Photos are kept up to so many bytes and pixels as sent, and no longer than the edge once written anew.
ATTACHMENT_IMAGE_MB = 30
ATTACHMENT_PDF_MB = 20
ATTACHMENT_VIDEO_MB = 100
ATTACHMENT_PIXELS = 64_000_000
ATTACHMENT_EDGE = 2560

# No tile server unless a deployment names one: the grids themselves are the map.
MAP_TILES = env.tile_sources("MAP_TILES")
LEAFLET_CONFIG = {"TILES": [], "RESET_VIEW": False, "ATTRIBUTION_PREFIX": ""}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "INFO")},
    # Celery says at INFO that it sent and did each of the tasks that beat sends all the time.
    "loggers": {"celery": {"level": "WARNING"}, "celery.beat": {"level": "WARNING"}},
}
