"""Whom the steps of the ladders tell, from the project's file."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from dispatch import escalation
from gridgov.common.errors import FieldError


class Command(BaseCommand):
    """Idempotent: steps that have targets keep them, unless ``--replace`` is given."""

    help = "Load whom the steps of the escalation ladders tell."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, default=escalation.DATA)
        parser.add_argument("--replace", action="store_true", help="also the steps that have targets already")

    def handle(self, *args: Any, file: Path, replace: bool, **options: Any) -> None:
        try:
            written = escalation.load_file(file, replace=replace)
        except FieldError as error:
            raise CommandError(f"{error.field}: {error.message}") from error
        self.stdout.write(_("升级对象：写入 %(count)d 项") % {"count": written})
