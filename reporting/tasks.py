"""The month that is over is assessed without anybody asking; exports and dashboards are worked on in slices."""

import logging
from typing import Any

from celery import shared_task
from kombu.exceptions import OperationalError

from gridgov.common import clock
from gridgov.common.errors import Conflict
from grids.models import Area
from personnel.assessment_models import AssessmentMonth
from reporting import exports, renewal, services

logger = logging.getLogger(__name__)


@shared_task(name="reporting.assess_due")
def assess_due() -> None:
    """Every city has the assessment of the last month, and every correction asked for is computed.

    May be sent as often as one likes and killed at any time: the next run adds what is missing.
    """
    today = clock.local_date(clock.now())
    year, month = (today.year, today.month - 1) if today.month > 1 else (today.year - 1, 12)
    for root in Area.objects.filter(parent__isnull=True, valid_to__isnull=True).defer("boundary").order_by("code"):
        try:
            services.assess_month(year, month, root)
        except Conflict as refused:
            if refused.code != "no_scheme":
                raise
    for opened in AssessmentMonth.objects.filter(computed_at__isnull=True).select_related("scheme").order_by("pk"):
        services.compute(opened)


@shared_task(name="reporting.export_due")
def export_due() -> None:
    """An export that waits was worked on for some seconds; where more is to be done, another run is sent at once."""
    if exports.run_slice():
        _again(export_due)


def _again(task: Any) -> None:
    """Another run is sent at once; where the broker does not answer, beat sends the next."""
    try:
        task.apply_async(expires=10)
    except OperationalError:
        logger.info("the broker does not answer: beat sends the next run")


@shared_task(name="reporting.discard_exports")
def discard_exports() -> None:
    """Files of exports whose time is over are gone."""
    while exports.discard_old():
        pass


@shared_task(name="reporting.renew_boards")
def renew_boards() -> None:
    """A dashboard that somebody looks at was counted for some seconds; where more is to be done, a run is sent."""
    if renewal.run_slice():
        _again(renew_boards)


@shared_task(name="reporting.discard_boards")
def discard_boards() -> None:
    """Pictures that nobody has looked at for a day are gone."""
    renewal.discard_old()
