"""gunicorn's configuration (``--config python:gridgov.gunicorn``): what a web process does beside answering.

Metrics of all web processes of the machine are one: they share a folder, whose figures are gone at the start.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

_made = ""
if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    # read by the metrics' library when a process loads it, after this file
    _made = os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="gridgov-metrics-")


def on_starting(server: Any) -> None:
    """Figures of an earlier run are gone."""
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    # the library's files alone: the folder may be one that has others
    for file in folder.glob("*.db"):
        file.unlink(missing_ok=True)


def post_worker_init(worker: Any) -> None:
    """The process says that it lives, and sends its faults and spans where the settings say."""
    # the application is loaded only now, in the process that serves
    from gridgov.common.observability import tracing  # noqa: PLC0415
    from gridgov.common.observability.processes import Reporter  # noqa: PLC0415

    tracing.start("web")
    worker.reporter = Reporter("web")
    worker.reporter.start()


def worker_exit(server: Any, worker: Any) -> None:
    """The process has said that it goes."""
    reporter = getattr(worker, "reporter", None)
    if reporter is not None:
        reporter.stop()


def child_exit(server: Any, worker: Any) -> None:
    """Its gauges count no more; its counters do."""
    from prometheus_client import multiprocess  # noqa: PLC0415  not before the folder is there

    multiprocess.mark_process_dead(worker.pid)


def on_exit(server: Any) -> None:
    """A folder that we made is gone."""
    if _made:
        shutil.rmtree(_made, ignore_errors=True)
