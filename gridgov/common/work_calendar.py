"""The calendars in the database: read as pure values, saved as new versions."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from gridgov.common import audit, business_time, clock
from gridgov.common.business_time import Season, SpecialDay
from gridgov.common.errors import FieldError
from gridgov.common.models import CalendarDay, CalendarVersion, User, WorkCalendar
from gridgov.common.reference import Reference, touch

DATA = Path(__file__).parent / "data"
DEFAULT_FILE = DATA / "calendar-default.json"
DEFAULT_CODE = "default"

# A version never changes, so it is read once a process.
_read: dict[int, business_time.WorkCalendar] = {}


def load(version_id: int) -> business_time.WorkCalendar:
    """The version as a pure calendar, in the deployment's time zone. Two statements the first time, then none.

    CalendarVersion.DoesNotExist if there is none such.
    """
    found = _read.get(version_id)
    if found is None:
        version = CalendarVersion.objects.get(pk=version_id)
        found = _read[version_id] = content_of(version).as_calendar(version.label)
    return found


def current_version(code: str = DEFAULT_CODE) -> CalendarVersion:
    """The version by which a clock that starts now is counted. FieldError (``calendar``) for an unknown code."""
    version = _current.get().get(code)
    if version is None:
        raise FieldError("calendar", _("没有编码为“%s”的工作日历，请先运行 load_calendar") % code)
    return version


def current(code: str = DEFAULT_CODE) -> business_time.WorkCalendar:
    """The current version as a pure calendar."""
    return load(current_version(code).pk)


def forget() -> None:
    """This process reads the versions again: for tests, whose rows are rolled back and whose numbers come again."""
    _read.clear()


def _latest() -> dict[str, CalendarVersion]:
    versions = CalendarVersion.objects.select_related("calendar").order_by("number")
    return {version.calendar.code: version for version in versions}


_current: Reference[dict[str, CalendarVersion]] = Reference("calendars", _latest)


@dataclass(frozen=True, slots=True)
class Content:
    """What a version says, checked. Two versions with equal content are the same calendar."""

    weekly: list[list[list[str]]]
    seasons: list[dict[str, Any]]
    nominal_day_minutes: int
    covers_from: date
    covers_to: date
    days: dict[date, dict[str, Any]] = field(default_factory=dict)

    def as_calendar(self, label: str | Promise = "") -> business_time.WorkCalendar:
        """FieldError naming ``weekly``, ``seasons``, ``days``, ``nominal_day_minutes`` or ``covers_to``."""
        if self.covers_to < self.covers_from:
            raise FieldError("covers_to", _("节假日止日早于起日"))
        weekly = _week("weekly", self.weekly)
        seasons = [_season(index, season) for index, season in enumerate(self.seasons, start=1)]
        for index, one in enumerate(seasons):
            if any(_overlap(one, other) for other in seasons[:index]):
                raise FieldError("seasons", _("季节作息“%s”与前面的重叠") % one.name)
        days = {on: _special(on, day) for on, day in self.days.items()}
        if self.nominal_day_minutes <= 0:
            raise FieldError("nominal_day_minutes", _("须为正数"))
        try:
            return business_time.WorkCalendar(
                ZoneInfo(settings.TIME_ZONE), weekly, tuple(seasons), days, self.nominal_day_minutes, label,
                self.covers_from, self.covers_to,
            )  # fmt: skip
        except ValueError as error:
            raise FieldError("weekly", str(error)) from error


def content_of(version: CalendarVersion) -> Content:
    """What the version says; with ``dataclasses.replace`` the start of the next one."""
    days = version.days.values_list("on", "kind", "name", "intervals")
    return Content(
        version.weekly, version.seasons, version.nominal_day_minutes, version.covers_from, version.covers_to,
        {on: {"kind": kind, "name": name, "intervals": intervals} for on, kind, name, intervals in days},
    )  # fmt: skip


def _minutes(field_name: str, text: object) -> int:
    hour, colon, minute = str(text).partition(":")
    if colon and hour.isdecimal() and minute.isdecimal() and len(minute) == 2 and int(minute) < 60:
        total = int(hour) * 60 + int(minute)
        if total <= 1440:
            return total
    raise FieldError(field_name, _("“%s”不是时刻，应如 08:00") % text)


def _intervals(field_name: str, value: object) -> tuple[tuple[int, int], ...]:
    if not isinstance(value, list) or any(not isinstance(pair, list) or len(pair) != 2 for pair in value):
        raise FieldError(field_name, _('工作时段应如 [["08:00", "12:00"], ["14:00", "18:00"]]'))
    found = tuple((_minutes(field_name, first), _minutes(field_name, last)) for first, last in value)
    if any(first >= last for first, last in found):
        raise FieldError(field_name, _("工作时段的终点须晚于起点"))
    if any(later[0] < earlier[1] for earlier, later in pairwise(found)):
        raise FieldError(field_name, _("工作时段须先后有序且不重叠"))
    return found


def _week(field_name: str, value: object) -> tuple[tuple[tuple[int, int], ...], ...]:
    if not isinstance(value, list) or len(value) != 7:
        raise FieldError(field_name, _("每周作息须有七天，周一在前"))
    return tuple(_intervals(field_name, day) for day in value)


def _season(index: int, value: Mapping[str, Any]) -> Season:
    if not isinstance(value, Mapping) or not {"from", "to", "weekly"} <= set(value):
        raise FieldError("seasons", _("第%d个季节作息须有 from、to 和 weekly") % index)
    ends = []
    for key in ("from", "to"):
        try:
            # 2024 has a 29 February
            ends.append(date.fromisoformat(f"2024-{value[key]}"))
        except ValueError as error:
            raise FieldError("seasons", _("“%s”不是月日，应如 05-01") % value[key]) from error
    weekly = _week("seasons", value["weekly"])
    if not any(weekly):
        raise FieldError("seasons", _("第%d个季节作息没有工作时间") % index)
    first, last = ((end.month, end.day) for end in ends)
    return Season(first, last, weekly, str(value.get("name") or index))


def _overlap(one: Season, other: Season) -> bool:
    return one.contains(date(2024, *other.first)) or other.contains(date(2024, *one.first))


def _special(on: date, value: Mapping[str, Any]) -> SpecialDay:
    kind, intervals = value.get("kind"), value.get("intervals")
    if kind not in CalendarDay.Kind.values:
        raise FieldError("days", _("%(on)s：“%(kind)s”不是 rest 或 work") % {"on": on, "kind": kind})
    if not str(value.get("name") or "").strip():
        raise FieldError("days", _("%s：缺少名称") % on)
    if kind == CalendarDay.Kind.REST and intervals is not None:
        raise FieldError("days", _("%s：休息日没有工作时段") % on)
    hours = None if intervals is None else _intervals("days", intervals)
    return SpecialDay(works=kind == CalendarDay.Kind.WORK, name=value["name"], intervals=hours)


def save_version(
    *,
    code: str,
    content: Content,
    name: str = "",
    source: str = "",
    by: User | None = None,
    address: str | None = None,
    at: datetime | None = None,
) -> CalendarVersion:
    """The calendar has a new version, by which the clocks that start from now on are counted; the audit says so.

    The calendar is made if there is none with that code. Running clocks keep their version (``recompute_due`` is the
    way to move them). FieldError for content that is no calendar. Locks the calendar's row.
    """
    content.as_calendar()  # refuses what is wrong before anything is written
    at = at or clock.now()
    with transaction.atomic():
        WorkCalendar.objects.get_or_create(code=code, defaults={"name": name or code})
        calendar = WorkCalendar.objects.select_for_update().get(code=code)
        last = calendar.versions.order_by("-number").values_list("number", flat=True).first()
        version = CalendarVersion.objects.create(
            calendar=calendar,
            number=(last or 0) + 1,
            weekly=content.weekly,
            seasons=content.seasons,
            nominal_day_minutes=content.nominal_day_minutes,
            covers_from=content.covers_from,
            covers_to=content.covers_to,
            source=source,
            created_at=at,
        )
        CalendarDay.objects.bulk_create(
            CalendarDay(version=version, on=on, kind=day["kind"], name=day["name"], intervals=day.get("intervals"))
            for on, day in sorted(content.days.items())
        )
        audit.record(
            action="calendar.save_version",
            actor=by,
            obj=version,
            detail={"calendar": code, "number": version.number, "days": len(content.days)},
            address=address,
            at=at,
        )
        touch("calendars")
        # SQLite gives the number of a rolled-back row again
        _read.pop(version.pk, None)
    return version


def load_file(path: Path, *, by: User | None = None) -> tuple[CalendarVersion, bool]:
    """The calendar of the file is in the database; the version, and whether it is new.

    A file with ``weekly`` is a whole calendar (its ``years`` name further files beside it); one without is a year of
    the calendar it names and replaces that year in the current version. Content that any version already had is not
    saved again, so that loading twice changes nothing and never takes back a later revision. FieldError for bad files.
    """
    data = _json(path)
    code = data.get("calendar") or DEFAULT_CODE
    if "weekly" in data:
        years = [data, *(_json(path.parent / year) for year in data.get("years", ()))]
        content, source = _whole(data, years), _sources(years)
    else:
        content, source = _with_year(content_of(current_version(code)), data), _sources([data])
    for version in CalendarVersion.objects.filter(calendar__code=code).order_by("-number"):
        if content_of(version) == content:
            return version, False
    return save_version(code=code, name=data.get("name", ""), content=content, source=source, by=by), True


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise FieldError("file", _("没有文件 %s") % path) from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FieldError(
            "file", _("%(path)s 不是 UTF-8 的 JSON：%(error)s") % {"path": path, "error": error}
        ) from error
    if not isinstance(data, dict):
        raise FieldError("file", _("%s 应是一个 JSON 对象") % path)
    return data


def _sources(years: Iterable[Mapping[str, Any]]) -> str:
    return "\n".join(str(year["source"]) for year in years if year.get("source"))


def _is_published(year: Mapping[str, Any]) -> bool:
    certainty = year.get("certainty")
    if certainty not in ("published", "not_published"):
        raise FieldError("certainty", _("certainty 应是 published 或 not_published"))
    return certainty == "published"


def _days(entries: Sequence[Mapping[str, Any]]) -> dict[date, dict[str, Any]]:
    days: dict[date, dict[str, Any]] = {}
    for entry in entries:
        try:
            on = date.fromisoformat(str(entry.get("on")))
        except ValueError as error:
            raise FieldError("days", _("“%s”不是日期") % entry.get("on")) from error
        if on in days:
            raise FieldError("days", _("%s 出现了两次") % on)
        days[on] = {"kind": entry.get("kind"), "name": entry.get("name"), "intervals": entry.get("intervals")}
    return days


def _year_of(data: Mapping[str, Any]) -> int:
    year = data.get("year")
    if not isinstance(year, int):
        raise FieldError("year", _("缺少年份 year"))
    if any(on.year != year for on in _days(data.get("days", ()))):
        raise FieldError("days", _("有不在%d年的日期") % year)
    return year


def _whole(data: Mapping[str, Any], years: Sequence[Mapping[str, Any]]) -> Content:
    published = sorted(_year_of(year) for year in years[1:] if _is_published(year))
    if not published or published != list(range(published[0], published[-1] + 1)):
        raise FieldError("years", _("已公布的年份须相连且至少一年"))
    days = _days([day for year in years for day in year.get("days", ())])
    return Content(
        data["weekly"], data.get("seasons", []), data.get("nominal_day_minutes", 480),
        date(published[0], 1, 1), date(published[-1], 12, 31), days,
    )  # fmt: skip


def _with_year(content: Content, data: Mapping[str, Any]) -> Content:
    year = _year_of(data)
    days = {on: day for on, day in content.days.items() if on.year != year} | _days(data.get("days", ()))
    first, last = content.covers_from, content.covers_to
    if _is_published(data):
        if not first.year - 1 <= year <= last.year + 1:
            raise FieldError("year", _("%d年与日历已有的年份不相连") % year)
        first, last = min(first, date(year, 1, 1)), max(last, date(year, 12, 31))
    return replace(content, covers_from=first, covers_to=last, days=days)
