"""How long a writer waits on SQLite, with the write queue and without it.

``python -m benchmarks.sqlite_writers``: every transaction inserts eight rows and holds the lock 1 ms longer; 1,200
of them by one process of 8 threads, 4 processes, and 4 processes of 4 threads. Start-up is not counted.
"""

import multiprocessing
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

_TRANSACTIONS = 1200
_SHAPES = ((1, 8), (4, 1), (4, 4))
_spawn = multiprocessing.get_context("spawn")


def _write(folder: str, queued: bool, times: int, threads: int, start: Any, results: Any) -> None:
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "gridgov.settings",
        "GRIDGOV_DATA_DIR": folder,
        "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3",
    }
    import django  # noqa: PLC0415  the settings are read when Django is
    from django.db import DatabaseError, connection, transaction  # noqa: PLC0415

    from gridgov.sqlite.writelock import WriteLock  # noqa: PLC0415

    django.setup()
    if not queued:
        WriteLock.acquire = lambda self, timeout: True
        WriteLock.release = lambda self: None
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS ledger (id integer PRIMARY KEY, text varchar)")
    waits: list[float] = []
    errors: list[str] = []
    together = threading.Barrier(threads, action=start.wait)

    def run() -> None:
        connection.ensure_connection()
        together.wait()
        for _ in range(times):
            began = time.perf_counter()
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    for _ in range(8):
                        cursor.execute("INSERT INTO ledger (text) VALUES (%s)", ["x" * 200])
                    time.sleep(0.001)
            except DatabaseError as error:
                errors.append(str(error))
            waits.append(time.perf_counter() - began)
        connection.close()

    began = time.perf_counter()
    workers = [threading.Thread(target=run) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    results.put((waits, errors, time.perf_counter() - began))


def main() -> None:
    print(f"{'':22} {'per s':>6} {'p50 ms':>7} {'p99 ms':>7} {'max ms':>7} errors")
    for queued in (True, False):
        for processes, threads in _SHAPES:
            with tempfile.TemporaryDirectory() as folder:
                results, start = _spawn.Queue(), _spawn.Barrier(processes)
                times = _TRANSACTIONS // (processes * threads)
                work = (folder, queued, times, threads, start, results)
                children = [_spawn.Process(target=_write, args=work) for _ in range(processes)]
                for child in children:
                    child.start()
                found = [results.get() for _ in children]
                for child in children:
                    child.join()
                assert Path(folder, "bench.sqlite3").exists()
            waits = sorted(wait * 1000 for part, _, _ in found for wait in part)
            rate = len(waits) / max(seconds for _, _, seconds in found)
            p50, p99 = (waits[int(len(waits) * share)] for share in (0.5, 0.99))
            errors = sum(len(part) for _, part, _ in found)
            name = f"{'queue' if queued else 'none '} {processes} x {threads} threads"
            print(f"{name:22} {rate:6.0f} {p50:7.1f} {p99:7.1f} {waits[-1]:7.1f} {errors}")


if __name__ == "__main__":
    main()
