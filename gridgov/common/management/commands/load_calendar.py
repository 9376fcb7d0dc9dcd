"""Load a work calendar from its file, by default the one that comes with the software."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gridgov.common import work_calendar
from gridgov.common.errors import DomainError, FieldError


class Command(BaseCommand):
    help = "Save a calendar file as a new version; a content that was already saved changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file",
            nargs="?",
            type=Path,
            default=work_calendar.DEFAULT_FILE,
            help="a whole calendar, or one year of a calendar that is loaded already",
        )

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            version, is_new = work_calendar.load_file(file)
        except FieldError as error:
            raise CommandError(f"{file}: {error.field}: {error.message}") from error
        except DomainError as error:
            raise CommandError(f"{file}: {error.message}") from error
        state = "已保存" if is_new else "已是现有版本，未改动"
        self.stdout.write(
            f"{version.label}（{version.calendar.code}，版本{version.number}）{state}："
            f"{version.days.count()}个特殊日，节假日{version.covers_from}至{version.covers_to}"
        )
