"""Postings begin and end by the day: the groups follow."""

from celery import shared_task

from gridgov.common import clock
from grids import permissions


@shared_task(name="personnel.sync_members")
def sync_members() -> None:
    """Every group role@area has as members exactly who holds the role today."""
    permissions.sync_members(clock.local_date(clock.now()))
