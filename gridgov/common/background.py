"""Threads beside the work of a process that are begun once and ended with it."""

import threading


class Background:
    """A daemon thread that runs ``_run`` until ``_stop`` is set."""

    def __init__(self, name: str) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """The thread has ended: it does nothing after this returns. Also where it was never started."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        """To be given by who inherits; returns soon after ``_stop`` is set."""
