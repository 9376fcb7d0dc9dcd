"""Celery's worker and beat as threads, for ``manage.py serve``.

Both talk through the broker of the settings, by default the in-process one, and are stopped by the server that runs
them: nothing here handles signals.
"""

import logging
import threading
from typing import Any

from celery import Celery
from celery.worker import WorkController
from celery.worker import state as worker_state
from django.db import connections
from kombu.utils.imports import symbol_by_name

logger = logging.getLogger(__name__)


class WorkerThread:
    """A Celery worker with a small pool of threads."""

    def __init__(self, app: Celery, *, concurrency: int = 3) -> None:
        self._app = app
        self._concurrency = concurrency
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="celery-worker", daemon=True)

    def start(self) -> None:
        """Tasks are taken when this returns."""
        worker_state.should_stop = worker_state.should_terminate = None
        self._app.finalize()
        self._app.set_current()
        self._thread.start()
        if not self._ready.wait(30):
            raise RuntimeError("The worker did not start within 30 s.")

    def stop(self) -> None:
        """No task runs when this returns: what was taken is finished, the rest is found again by the sweeps."""
        worker_state.should_stop = 0
        self._thread.join()

    def _run(self) -> None:
        worker = WorkController(
            app=self._app,
            pool="threads",
            concurrency=self._concurrency,
            hostname="embedded@localhost",
            loglevel=logging.WARNING,
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
            ready_callback=self._on_ready,
        )
        worker.start()
        connections.close_all()

    def _on_ready(self, consumer: Any) -> None:
        # The consumer looks whether it shall stop between two waits of 2 s each: shorten them.
        drain = consumer.connection.drain_events
        consumer.connection.drain_events = lambda timeout=None, **options: drain(timeout=0.2, **options)
        self._ready.set()


class BeatThread:
    """Celery's scheduler as the settings name it, without its process."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="celery-beat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Nothing is sent after this returns."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        scheduler = symbol_by_name(self._app.conf.beat_scheduler)(app=self._app)
        while not self._stop.is_set():
            try:
                pause = scheduler.tick()
            except Exception:
                logger.exception("beat failed and goes on")
                pause = 1.0
            self._stop.wait(min(pause, 1.0))
        scheduler.close()
