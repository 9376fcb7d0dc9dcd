"""All benchmarks one after the other, one JSON line a figure; they are also kept in ``var/bench/results``.

    make bench                       # full sizes: some forty minutes, an hour where the databases are filled first
    make bench QUICK=1               # does everything run: small sizes, no figures to be quoted
    make bench ONLY="requests desks"

Nothing else may run meanwhile. The line of each ends with ``exit``: 1 where a figure misses its aim. Ends with 1, after
all have run, where one of them failed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks import stack
from scripts import programs, services

#: name → arguments at full size, and for a look whether it works
RUNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "requests": ((), ("--cases", "2000", "--areas", "60", "--seconds", "0.5", "--runs", "2")),
    "desks": ((), ("--cases", "2000", "--areas", "60", "--times", "3")),
    "million": ((), ("--cases", "3000", "--areas", "60", "--times", "5")),
    "streams": (
        ("--streams", "10000", "--people", "200", "--rounds", "20", "--deaf", "100", "--hold", "600"),
        ("--streams", "200", "--people", "20", "--rounds", "3", "--deaf", "10", "--hold", "5"),
    ),
    "sweep": (
        ("--armed", "1000000", "--due", "10000", "--sweepers", "2", "--moves", "20"),
        ("--armed", "2000", "--due", "500", "--sweepers", "2", "--moves", "20"),
    ),
    "areas": (("--areas", "20000"), ("--areas", "300")),
    "export": (("--rows", "1000000"), ("--rows", "3000")),
    "sqlite_writers": ((), ()),
}


def _said(name: str, arguments: tuple[str, ...]) -> Iterator[str]:
    """The lines of one benchmark, the last one of its end."""
    begun = time.monotonic()
    with ExitStack() as held:
        environment = dict(os.environ)
        if name == "sweep":
            folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="gridgov-sweep-")))
            folder.chmod(0o755)
            address = held.enter_context(services.postgres(folder, lasting=True))
            environment["DATABASE_URL"] = services.database(address, "sweep")
        process = held.enter_context(
            subprocess.Popen(
                _command(name, arguments), cwd=programs.ROOT, env=environment, stdout=subprocess.PIPE, text=True
            )
        )
        assert process.stdout is not None
        yield from (line.rstrip("\n") for line in process.stdout)
        code = process.wait()
    seconds = round(time.monotonic() - begun)
    yield json.dumps({"benchmark": name, "arguments": " ".join(arguments), "seconds": seconds, "exit": code})


def _command(name: str, arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.{name}", *arguments]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="*", choices=list(RUNS))
    given = parser.parse_args()
    kept = stack.KEPT / "results"
    kept.mkdir(parents=True, exist_ok=True)
    path = kept / f"{time.strftime('%Y%m%d-%H%M%S')}{'-quick' if given.quick else ''}.jsonl"
    failed: list[str] = []
    with path.open("w", encoding="utf-8") as file:
        for name in given.only or RUNS:
            full, quick = RUNS[name]
            line = ""
            for line in _said(name, quick if given.quick else full):
                print(line, flush=True)
                file.write(line + "\n")
                file.flush()
            if json.loads(line)["exit"]:
                failed.append(name)
    print(f"kept in {path}; failed: {', '.join(failed) or 'none'}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
