"""Load the scheme of the monthly assessment from its file."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gridgov.common.errors import FieldError
from personnel.assessment_services import save_scheme
from reporting.services import SCORED

FILE = Path(__file__).resolve().parents[2] / "data" / "assessment.json"
FIELDS = {"code", "name", "from_month", "mark_cap", "reply_days", "source", "items"}


class Command(BaseCommand):
    """A file that says something else than the last version is a new version."""

    help = "Load the scheme of the monthly assessment; running it twice changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--file", type=Path, default=FILE)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            if not isinstance(content, dict) or set(content) != FIELDS:
                raise CommandError(f"{file.name}：须恰有这些项 {'、'.join(sorted(FIELDS))}")
            given = content | {"from_month": date.fromisoformat(content["from_month"])}
            scheme, is_new = save_scheme(**given, known_keys=SCORED)
        except FieldError as error:
            raise CommandError(f"{file.name} 字段 {error.field}：{error.message}") from error
        except (OSError, ValueError, TypeError) as error:
            raise CommandError(f"{file.name}：{error}") from error
        done = "新增" if is_new else "未变"
        self.stdout.write(f"考核方案“{scheme.name}”第{scheme.version}版：{done}")
