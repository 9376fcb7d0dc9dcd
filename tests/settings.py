"""Settings of the test suite."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from scripts import programs

_given = os.environ.get("GRIDGOV_TEST_DIR", "")
_root = Path(_given) if _given else Path(tempfile.mkdtemp(prefix="gridgov-test-", dir=programs.scratch()))
_root.mkdir(parents=True, exist_ok=True)
if not _given:
    # Processes that the tests start put their files into the same folder; who made it removes it.
    os.environ["GRIDGOV_TEST_DIR"] = str(_root)
    atexit.register(shutil.rmtree, _root, ignore_errors=True)

# Tasks sent by a test stay in its process. What needs a real broker starts its own (GRIDGOV_TEST_REDIS_URL).
os.environ.pop("REDIS_URL", None)
# Two processes of tests do not write, or remove, one another's checkpoint file.
os.environ["GRIDGOV_DATA_DIR"] = str(_root / f"var-{os.environ.get('PYTEST_XDIST_WORKER', 'one')}")
os.environ.setdefault("SECRET_KEY", "for-the-tests-only-" + "s" * 40)
os.environ.setdefault("JOURNAL_KEY", "for-the-tests-only-" + "j" * 40)

from gridgov.settings import *  # noqa: E402, F403
from gridgov.settings import DATABASES, EMBEDDED  # noqa: E402

TESTING = True
DEBUG = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["*"]
# Asked for where a test says so.
TOTP_ROLES: list[str] = []

if EMBEDDED:
    # A file, not the shared-cache memory database, which ignores the lock timeout; one folder a process, so that
    # several people can run tests at once.
    DATABASES["default"]["NAME"] = str(_root / f"unused-{os.getpid()}.sqlite3")
    DATABASES["default"]["TEST"] = {"NAME": str(_root / f"test-{os.getpid()}.sqlite3")}
DATABASES["default"]["CONN_MAX_AGE"] = 0
