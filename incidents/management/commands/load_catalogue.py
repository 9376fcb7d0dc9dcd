"""Load ladders, default limits, categories and filing standards from their files."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from gridgov.common import clock
from gridgov.common.business_time import Allowance
from gridgov.common.errors import FieldError
from grids.models import Level
from incidents import catalogue_services as services
from incidents.catalogue import StepSpec
from incidents.models import Category, FilingStandard, Ladder, LadderStep, Limit

DATA = Path(__file__).resolve().parents[2] / "data"
FILES = ("ladders.json", "limits.json", "categories.json", "standards.json")

Row = dict[str, Any]
_ANCHORS = {"share_left": "share_left", "due": "at_due", "after_due": "after_due"}
_LEVELS = {level.name.lower(): level for level in Level}
# the name in a file: the argument of the service
_CATEGORY = {
    "code": "code", "name": "name", "kind": "kind", "parent": "parent", "answerable": "is_answerable",
    "must_report": "is_must_report", "confidential": "is_confidential", "urgent": "is_urgent",
    "holder_level": "holder_level", "duplicate_radius_m": "duplicate_radius_m", "duplicate_hours": "duplicate_hours",
    "active": "is_active", "limits": "limits", "certainty": "certainty", "source": "source",
}  # fmt: skip
_STANDARD = {
    "code": "code", "category": "category", "condition": "condition", "closing_condition": "closing_condition",
    "before_photos": "before_photo_count", "after_photos": "after_photo_count",
    "verification_photos": "verification_photo_count", "system_steps": "system_steps", "law": "law",
    "evaluate_days": "evaluate_days", "reopen_days": "reopen_days", "active": "is_active", "limits": "limits",
    "certainty": "certainty", "source": "source",
}  # fmt: skip
_LIMIT = frozenset(
    {"scope", "clock", "limit", "unit", "milestone", "label", "ladder", "calendar", "evidence", "certainty", "source"}
)
_TYPES: Mapping[str, type] = {
    "answerable": bool, "must_report": bool, "confidential": bool, "urgent": bool, "active": bool,
    "duplicate_radius_m": int, "duplicate_hours": int, "before_photos": int, "after_photos": int,
    "verification_photos": int, "evaluate_days": int, "reopen_days": int, "limits": list, "system_steps": list,
    "steps": list,
}  # fmt: skip


class Command(BaseCommand):
    """All or nothing: with one wrong row nothing is written, and every wrong row is named.

    A row is saved when it is not the one that was last loaded, so that what was changed by hand since stays; with
    ``--overwrite`` the files win.
    """

    help = "Load categories, filing standards, limits and ladders from their files; running it twice changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dir", type=Path, default=DATA, help=f"folder with {', '.join(FILES)}")
        parser.add_argument(
            "--overwrite", action="store_true", help="undo what was changed by hand since"
        )

    def handle(self, *args: Any, dir: Path, overwrite: bool, **options: Any) -> None:
        files = {name: _read(dir / name) for name in FILES}
        loader = _Loader(overwrite)
        with transaction.atomic():
            loader.each("ladders.json", files["ladders.json"], loader.ladder)
            urgent = loader.defaults(files["limits.json"])
            loader.each("categories.json", files["categories.json"], lambda row: loader.category(row, urgent))
            loader.each("standards.json", files["standards.json"], loader.standard)
            if loader.errors:
                # raised inside the atomic block: nothing of it stays
                raise CommandError("\n".join(loader.errors))
        rows = "，".join(f"{name} {len(content)}行" for name, content in files.items())
        self.stdout.write(f"目录已载入（{rows}）：新增或更新{loader.saved}项，未变{loader.kept}项")


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
                    raise FieldError("code", "代码重复")
                seen.add(code)
                save(row)
            except FieldError as error:
                self.errors.append(f"{name} 第{number}行 {code} 字段 {error.field}：{error.message}")

    def ladder(self, row: Row) -> None:
        digest = self._changed(Ladder, row)
        if digest:
            _known(row, {"code", "name", "steps", "certainty", "source"})
            steps = [_step(step) for step in _typed(row, "steps", [])]
            services.save_ladder(code=_text(row, "code"), name=_text(row, "name"), steps=steps, digest=digest)

    def defaults(self, rows: list[Row]) -> list[Row]:
        """The default limits saved; the rows of scope urgent returned, which are given to each urgent category."""
        default: list[services.LimitInput] = []
        urgent: list[Row] = []
        for number, row in enumerate(rows, start=1):
            try:
                if row.get("scope") not in ("default", "urgent"):
                    raise FieldError("scope", "须为 default 或 urgent")
                limit = _limit(row, row)
                urgent.append(row) if row["scope"] == "urgent" else default.append(limit)
            except FieldError as error:
                self.errors.append(f"limits.json 第{number}行 字段 {error.field}：{error.message}")
        digest = _digest([row for row in rows if row.get("scope") == "default"])
        if digest == self._default_digest:
            self.kept += 1
        elif not self.errors:
            try:
                services.save_default_limits(limits=default, digest=digest, at=self._at)
                self.saved += 1
            except FieldError as error:
                self.errors.append(f"limits.json 字段 {error.field}：{error.message}")
        return urgent

    def category(self, row: Row, urgent: list[Row]) -> None:
        if row.get("urgent"):
            own = _typed(row, "limits", [])
            said = {limit.get("clock") for limit in own if isinstance(limit, dict)}
            row = row | {"limits": [*own, *(limit for limit in urgent if limit["clock"] not in said)]}
        digest = self._changed(Category, row)
        if digest:
            services.save_category(**_arguments(row, _CATEGORY), digest=digest, at=self._at)

    def standard(self, row: Row) -> None:
        digest = self._changed(FilingStandard, row)
        if digest:
            services.save_standard(**_arguments(row, _STANDARD), digest=digest, at=self._at)

    def _changed(self, model: type, row: Row) -> str:
        """The row's digest where it is not the one last loaded, else empty."""
        digest = _digest(row)
        if self._loaded[model].get(str(row.get("code", ""))) == digest:
            self.kept += 1
            return ""
        self.saved += 1
        return digest


def _read(path: Path) -> list[Row]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{path.name}：无法读取（{error.strerror}）") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path.name}：不是UTF-8编码（第{error.start}字节）") from error
    except json.JSONDecodeError as error:
        raise CommandError(f"{path.name}：第{error.lineno}行第{error.colno}列不是有效的JSON（{error.msg}）") from error
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise CommandError(f"{path.name}：须为对象的列表")
    return content


def _digest(content: Any) -> str:
    text = json.dumps(content, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _known(row: Row, fields: Any) -> None:
    for field in row:
        if field not in fields:
            raise FieldError(field, "未知的字段")


def _text(row: Row, field: str) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not value.strip():
        raise FieldError(field, "缺失或为空")
    return value.strip()


def _typed(row: Row, field: str, default: Any) -> Any:
    value = row.get(field, default)
    wanted = _TYPES.get(field, str)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise FieldError(field, f"类型不对：{value!r}")
    if wanted is int and value < 0:
        raise FieldError(field, "不能为负")
    return value


def _arguments(row: Row, names: Mapping[str, str]) -> dict[str, Any]:
    """The row as arguments of its service. What is missing there without a default is refused here by name."""
    _known(row, names)
    for field in ("code", "certainty", "source", *(("name", "kind") if names is _CATEGORY else ("category",))):
        _text(row, field)
    if names is _STANDARD:
        _text(row, "condition")
        _text(row, "closing_condition")
    found = {names[field]: _typed(row, field, None) for field in row}
    if "holder_level" in found:
        level = _LEVELS.get(row["holder_level"])
        if level is None:
            raise FieldError("holder_level", f"须为 {'、'.join(_LEVELS)} 之一")
        found["holder_level"] = level.value
    if "limits" in found:
        found["limits"] = [_limit(limit, row) for limit in found["limits"]]
    return found


def _limit(given: Any, row: Row) -> services.LimitInput:
    """A limit; certainty and source are its row's unless it has its own."""
    if not isinstance(given, dict):
        raise FieldError("limits", f"须为对象：{given!r}")
    _known(given, _LIMIT)
    try:
        allowance = Allowance.parse(_text(given, "limit"), _text(given, "unit"))
    except ValueError as error:
        raise FieldError("limits", str(error)) from error
    return services.LimitInput(
        clock=_text(given, "clock"),
        allowance=allowance,
        milestone=_typed(given, "milestone", ""),
        label=_typed(given, "label", ""),
        ladder=_typed(given, "ladder", ""),
        calendar=_typed(given, "calendar", "default"),
        evidence=_typed(given, "evidence", ""),
        certainty=_text(given if "certainty" in given else row, "certainty"),
        source=_text(given if "source" in given else row, "source"),
    )


def _step(given: Any) -> StepSpec:
    if not isinstance(given, dict):
        raise FieldError("steps", f"须为对象：{given!r}")
    _known(given, {"key", "at", "share", "minutes"})
    anchor = _ANCHORS.get(str(given.get("at")))
    if anchor is None:
        raise FieldError("at", f"须为 {'、'.join(_ANCHORS)} 之一")
    share, minutes = given.get("share"), given.get("minutes")
    if share is not None and (isinstance(share, bool) or not isinstance(share, int | float)):
        raise FieldError("share", f"须为数字：{share!r}")
    if minutes is not None and (isinstance(minutes, bool) or not isinstance(minutes, int)):
        raise FieldError("minutes", f"须为整数：{minutes!r}")
    return StepSpec(_text(given, "key"), LadderStep.Anchor(anchor).value, share, minutes)
