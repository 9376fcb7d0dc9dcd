"""What the tests of reporting run in a process of their own, on the database of the test."""

import threading
from typing import Any

from tests import processes  # first: it makes Django ready

# isort: split
from django.db import transaction

from gridgov.common import clock
from grids.models import Area
from personnel import assessment_services
from reporting import renewal, selectors, services


def killed_assessor(database: str, year: int, month: int, root: str, whole_batches: int, reached: Any) -> None:
    """Assesses until so many batches are stored and the next is written but not committed, and stays there."""
    stopped_assessor(database, year, month, root, services.BATCH, whole_batches, True, reached)


def stopped_assessor(
    database: str, year: int, month: int, root: str, batch: int, whole_batches: int, is_within: bool, reached: Any
) -> None:
    """Assesses until so many batches are stored, and stays there.

    ``is_within``: with the next one written but not committed; else with nothing of it begun.
    """
    processes.use(database)
    store = assessment_services.store
    done = 0

    def stop(**given: Any) -> None:
        nonlocal done
        if done < whole_batches:
            store(**given)
            done += 1
        elif is_within:
            with transaction.atomic():
                store(**given)
                stay()
        else:
            stay()

    def stay() -> None:
        reached.set()
        threading.Event().wait(600)

    assessment_services.store = stop
    services.assess_month(year, month, Area.objects.get(code=root, parent=None), at=clock.now(), batch=batch)


def stopped_counter(database: str, reached: Any) -> None:
    """Counts a picture until its first piece is read, and stays there with the lease of it."""
    processes.use(database)
    pieces = selectors.pieces

    def stop(*given: Any, **more: Any) -> Any:
        next(pieces(*given, **more))
        reached.set()
        threading.Event().wait(600)

    selectors.pieces = stop  # type: ignore[assignment]
    renewal.run_slice()
