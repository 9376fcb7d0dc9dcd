"""Moves running clocks to the current version of their calendar."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.errors import FieldError
from incidents.recompute import recompute_due


class Command(BaseCommand):
    """The only way to do so: a new version by itself affects the clocks that start after it."""

    help = "Count running clocks by the current version of their calendar."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--calendar", required=True, help="code of the calendar")
        parser.add_argument("--dry-run", action="store_true", help="only say how many")

    def handle(self, *args: Any, calendar: str, dry_run: bool, **options: Any) -> None:
        try:
            done = recompute_due(code=calendar, at=clock.now(), dry_run=dry_run)
        except FieldError as error:
            raise CommandError(f"{error.field}: {error.message}") from error
        said = _("案件%(cases)d，时钟%(clocks)d，其中到期时间变动%(moved)d") % {
            "cases": done.incident_count, "clocks": done.clock_count, "moved": done.moved_count,
        }  # fmt: skip
        self.stdout.write((_("试算：") if dry_run else "") + said)
        if done.busy_count:
            raise CommandError(_("%(count)d件案件正在变动，请再运行一次") % {"count": done.busy_count})
