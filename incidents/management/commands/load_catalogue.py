"""Load ladders, default limits, categories and filing standards from their files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils.translation import gettext as _

from gridgov.common import clock, reference
from gridgov.common.errors import FieldError
from incidents import catalogue_files as files
from incidents import catalogue_services as services
from incidents.catalogue import CATALOGUE
from incidents.catalogue_files import DATA, FILES, Row
from incidents.models import Category, FilingStandard, Ladder, Limit


class Command(BaseCommand):
    """All or nothing: with one wrong row nothing is written, and every wrong row is named.

    A row is saved when it is not the one that was last loaded, so that what was changed by hand since stays; with
    ``--overwrite`` the files win.
    """

    help = "Load categories, filing standards, limits and ladders from their files; running it twice changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dir", type=Path, default=DATA, help=f"folder with {', '.join(FILES)}")
        parser.add_argument("--overwrite", action="store_true", help="undo what was changed by hand since")

    def handle(self, *args: Any, dir: Path, overwrite: bool, **options: Any) -> None:
        contents = {name: _read(dir / name) for name in FILES}
        loader = _Loader(overwrite)
        with transaction.atomic():
            loader.each("ladders.json", contents["ladders.json"], loader.ladder)
            urgent = loader.defaults(contents["limits.json"])
            loader.each("categories.json", contents["categories.json"], lambda row: loader.category(row, urgent))
            loader.each("standards.json", contents["standards.json"], loader.standard)
            if loader.errors:
                # raised inside the atomic block: nothing of it stays
                raise CommandError("\n".join(loader.errors))
            if loader.saved:
                reference.touch(CATALOGUE)
        rows = "，".join(_("%(file)s %(count)d行") % {"file": n, "count": len(c)} for n, c in contents.items())
        done = {"rows": rows, "saved": loader.saved, "kept": loader.kept}
        self.stdout.write(_("目录已载入（%(rows)s）：新增或更新%(saved)d项，未变%(kept)d项") % done)


class _Loader:
    def __init__(self, overwrite: bool) -> None:
        self.errors: list[str] = []
        self.saved = self.kept = 0
        self._at = clock.now()
        self._loaded: dict[type, dict[str, str]] = {}
        for model in (Ladder, Category, FilingStandard):
            self._loaded[model] = {} if overwrite else dict(model.objects.values_list("code", "loaded_digest"))
        defaults = Limit.objects.filter(superseded_at__isnull=True, standard__isnull=True, category__isnull=True)
        self._default_digest = "" if overwrite else defaults.values_list("loaded_digest", flat=True).first() or ""

    def each(self, name: str, rows: list[Row], save: Callable[[Row], None]) -> None:
        """Every row saved, or its error noted by file, row and field."""
        seen: set[str] = set()
        for number, row in enumerate(rows, start=1):
            code = str(row.get("code", ""))
            try:
                if code in seen:
                    raise FieldError("code", _("代码重复"))
                seen.add(code)
                save(row)
            except FieldError as error:
                self.errors.append(
                    _("%(file)s 第%(row)d行 %(code)s 字段 %(field)s：%(message)s")
                    % {"file": name, "row": number, "code": code, "field": error.field, "message": error.message}
                )

    def ladder(self, row: Row) -> None:
        digest = self._changed(Ladder, row)
        if digest:
            files.check_fields(row, {"code", "name", "steps", "certainty", "source"})
            steps = [files.step(step) for step in files.typed(row, "steps", [])]
            code, name = files.text_of(row, "code"), files.text_of(row, "name")
            services.save_ladder(code=code, name=name, steps=steps, digest=digest, touch=False)

    def defaults(self, rows: list[Row]) -> list[Row]:
        """The default limits saved; the rows of scope urgent returned, which are given to each urgent category."""
        default: list[services.LimitInput] = []
        urgent: list[Row] = []
        for number, row in enumerate(rows, start=1):
            try:
                if row.get("scope") not in ("default", "urgent"):
                    raise FieldError("scope", _("须为 default 或 urgent"))
                limit = files.limit(row, row)
                urgent.append(row) if row["scope"] == "urgent" else default.append(limit)
            except FieldError as error:
                self.errors.append(
                    _("limits.json 第%(row)d行 字段 %(field)s：%(message)s")
                    % {"row": number, "field": error.field, "message": error.message}
                )
        digest = files.digest([row for row in rows if row.get("scope") == "default"])
        if digest == self._default_digest:
            self.kept += 1
        elif not self.errors:
            try:
                services.save_default_limits(limits=default, digest=digest, at=self._at)
                self.saved += 1
            except FieldError as error:
                self.errors.append(
                    _("limits.json 字段 %(field)s：%(message)s") % {"field": error.field, "message": error.message}
                )
        return urgent

    def category(self, row: Row, urgent: list[Row]) -> None:
        if row.get("urgent"):
            own = files.typed(row, "limits", [])
            said = {limit.get("clock") for limit in own if isinstance(limit, dict)}
            row = row | {"limits": [*own, *(limit for limit in urgent if limit["clock"] not in said)]}
        digest = self._changed(Category, row)
        if digest:
            services.save_category(**files.arguments(row, files.CATEGORY), digest=digest, at=self._at, touch=False)

    def standard(self, row: Row) -> None:
        digest = self._changed(FilingStandard, row)
        if digest:
            services.save_standard(**files.arguments(row, files.STANDARD), digest=digest, at=self._at, touch=False)

    def _changed(self, model: type, row: Row) -> str:
        """The row's digest where it is not the one last loaded, else empty."""
        digest = files.digest(row)
        if self._loaded[model].get(str(row.get("code", ""))) == digest:
            self.kept += 1
            return ""
        self.saved += 1
        return digest


def _read(path: Path) -> list[Row]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(_("%(file)s：无法读取（%(why)s）") % {"file": path.name, "why": error.strerror}) from error
    except UnicodeDecodeError as error:
        raise CommandError(
            _("%(file)s：不是UTF-8编码（第%(byte)d字节）") % {"file": path.name, "byte": error.start}
        ) from error
    except json.JSONDecodeError as error:
        raise CommandError(
            _("%(file)s：第%(line)d行第%(column)d列不是有效的JSON（%(why)s）")
            % {"file": path.name, "line": error.lineno, "column": error.colno, "why": error.msg}
        ) from error
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise CommandError(_("%s：须为对象的列表") % path.name)
    return content
