"""The canned texts of the project's file."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from dispatch import canned_texts
from gridgov.common.errors import FieldError


class Command(BaseCommand):
    """Idempotent: texts that are there already, changed by hand or not, keep, unless ``--replace`` is given."""

    help = "Load the canned texts that every desk is offered."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, default=canned_texts.DATA)
        parser.add_argument("--replace", action="store_true", help="also the texts that are there already")

    def handle(self, *args: Any, file: Path, replace: bool, **options: Any) -> None:
        try:
            written = canned_texts.load_file(file, replace=replace)
        except FieldError as error:
            raise CommandError(f"{error.field}: {error.message}") from error
        self.stdout.write(_("常用语：写入 %(count)d 条") % {"count": written})
