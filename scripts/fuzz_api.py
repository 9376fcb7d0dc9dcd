"""Fuzzes the API by its own schema, as every role: ``python -m scripts.fuzz_api [--minutes 20] [--role acceptor …]``.

schemathesis (in an environment of its own, ``var/fuzz``, made on first use from requirements-fuzz.txt) sends what the
schema allows and what it does not, single requests and chains of them, and looks that no answer is a 5xx and that each
is one that the schema tells of: status, content type, headers, body. The database is a small city made for the run
(``DATABASE_URL`` names an empty one of another kind), with a case in every status; the server is gunicorn with two
processes. The time is shared by the roles. The last line is one of JSON; ends with 1 where a check failed. The reports
of failures, with a curl command each, are in ``var/fuzz/reports``.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scripts import programs, services

HOME = programs.ROOT / "var" / "fuzz"
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance",
)  # fmt: skip
#: One person a role; the last is nobody who is signed in.
ROLES = (
    "acceptor", "duty_chief", "dispatcher", "supervisor", "verifier", "department_handler", "department_head",
    "grid_leader", "grid_worker", "leader", "system_admin", "security_admin", "audit_admin", "two_hats", "nobody", "",
)  # fmt: skip
STATUSES = ("accepted", "filed", "dispatched", "handling", "handled")
_MAKE_CITY = f"""
import json, os, sys
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from tests.worlds import make_world
world = make_world()
world.report()
for status in {STATUSES!r}:
    world.carry(status)
print(json.dumps({{login: world.token(login) for login in json.loads(sys.argv[1]) if login}}))
"""


def fuzzer() -> Path:
    """The program, installed if need be."""
    program = HOME / "venv" / "bin" / "st"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(HOME / "venv")], check=True)
        wanted = str(programs.ROOT / "requirements-fuzz.txt")
        subprocess.run([str(program.with_name("pip")), "install", "--quiet", "-r", wanted], check=True)
    return program


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--role", action="append", choices=ROLES)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    roles = given.role or ROLES
    program, seconds = fuzzer(), max(5, int(given.minutes * 60 / len(roles)))
    with tempfile.TemporaryDirectory(prefix="gridgov-fuzz-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        environment = {
            **os.environ, "DJANGO_SETTINGS_MODULE": "gridgov.settings", "GRIDGOV_DATA_DIR": name, "REDIS_URL": "",
            "SECRET_KEY": "only-for-fuzzing-" + "s" * 40, "JOURNAL_KEY": "only-for-fuzzing-" + "j" * 40,
        }  # fmt: skip
        if environment.get("DATABASE_URL", "").startswith("postgres"):
            environment["REDIS_URL"] = stack.enter_context(services.redis_server(folder))
        made = subprocess.run(
            [sys.executable, "-c", _MAKE_CITY, json.dumps(roles)], cwd=programs.ROOT, env=environment, check=True,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        tokens = json.loads(made.stdout.splitlines()[-1])
        port = services.free_port()
        server = [
            sys.executable, "-m", "gunicorn", "gridgov.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", "2",
            "--worker-class", "gthread", "--threads", "2",
            # as shipped gunicorn itself refuses a longer line than 4094 bytes (414), before our schema begins
            "--limit-request-line", "0",
        ]  # fmt: skip
        options = {"cwd": programs.ROOT, "env": environment}
        with services.running(server, HOME / "server.log", **options):
            found = {role or "anonymous": _fuzz(program, port, role, tokens, seconds, given.seed) for role in roles}
    failed = sorted(role for role, code in found.items() if code)
    print(
        json.dumps(
            {"fuzz": "api", "seed": given.seed, "seconds_a_role": seconds, "roles": len(found), "failed": failed}
        )
    )
    sys.exit(1 if failed else 0)


def _fuzz(program: Path, port: int, role: str, tokens: dict[str, str], seconds: int, seed: int) -> int:
    """schemathesis' exit code for one role."""
    url = f"http://127.0.0.1:{port}"
    reports = HOME / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    command = [
        str(program), "run", f"{url}/api/schema/", "--url", url, "--checks", ",".join(CHECKS),
        "--max-time", str(seconds),
        "--seed", str(seed), "--wait-for-schema", "60", "--suppress-health-check", "all", "--warnings", "off",
        "--request-timeout", "60", "--continue-on-failure", "--report", "junit", "--report-junit-path",
        str(reports / f"{role or 'anonymous'}.xml"),
    ]  # fmt: skip
    if role:
        command += ["--header", f"Authorization:Token {tokens[role]}"]
    print(f"--- {role or 'anonymous'}", flush=True)
    return subprocess.run(command, cwd=HOME, check=False).returncode


if __name__ == "__main__":
    main()
