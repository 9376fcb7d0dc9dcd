"""Killing an assessment that runs in a process of its own, wherever a test says."""

import multiprocessing
import os
import signal

from tests import processes
from tests.reporting.processes import stopped_assessor

spawn = multiprocessing.get_context("spawn")


def kill_assessment(year: int, month: int, root: str, *, batch: int, whole_batches: int, is_within: bool) -> None:
    """A process assesses the month and is dead by SIGKILL after so many batches of its own, within the next or not."""
    reached = spawn.Event()
    args = (processes.database_name(), year, month, root, batch, whole_batches, is_within, reached)
    process = spawn.Process(target=stopped_assessor, args=args)
    process.start()
    assert reached.wait(180)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL
