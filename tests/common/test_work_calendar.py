"""Calendars in the database: versions, files and their refusals."""

import json
from dataclasses import replace
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from gridgov.common import work_calendar
from gridgov.common.business_time import Allowance, DayKind, due_at
from gridgov.common.errors import FieldError
from gridgov.common.models import AuditEntry, CalendarDay, CalendarVersion, ImmutableError, User
from gridgov.common.work_calendar import DATA, DEFAULT_FILE, Content, content_of, load_file, save_version
from tests.common.calendars import CHINA, local

DAY = [["08:00", "12:00"], ["14:00", "18:00"]]
WEEK = [DAY] * 5 + [[], []]
CONTENT = Content(
    weekly=WEEK,
    seasons=[],
    nominal_day_minutes=480,
    covers_from=date(2026, 1, 1),
    covers_to=date(2026, 12, 31),
    days={date(2026, 10, 10): {"kind": "work", "name": "调休上班", "intervals": None}},
)


@pytest.fixture(autouse=True)
def _fresh_calendars() -> None:
    work_calendar.forget()


# --- the files that come with the software


@pytest.mark.django_db
def test_default_calendar_equals_the_files() -> None:
    version, is_new = load_file(DEFAULT_FILE)
    assert is_new
    assert (version.number, version.label) == (1, "日历2026版")
    assert (version.covers_from, version.covers_to) == (date(2025, 1, 1), date(2026, 12, 31))
    calendar = work_calendar.load(version.pk)
    assert dict(calendar.days) == dict(CHINA.days)
    due = due_at(local("2026-09-30 17:00"), Allowance.parse(4, "work_hours"), calendar)
    assert due == local("2026-10-08 11:00")


@pytest.mark.parametrize(("year", "rests", "works"), [(2025, 28, 5), (2026, 33, 6)])
def test_published_year_has_the_days_of_its_notice(year, rests, works) -> None:
    data = json.loads((DATA / f"calendar-{year}.json").read_text())
    assert data["certainty"] == "published"
    assert f"{year}年部分节假日安排的通知" in data["source"]
    kinds = [day["kind"] for day in data["days"]]
    assert (kinds.count("rest"), kinds.count("work")) == (rests, works)
    # make-up days are weekend days
    assert all(date.fromisoformat(day["on"]).weekday() >= 5 for day in data["days"] if day["kind"] == "work")


def test_year_that_is_not_published_says_so_and_has_the_holidays_of_the_law() -> None:
    data = json.loads((DATA / "calendar-2027.json").read_text())
    assert data["certainty"] == "not_published"
    assert len(data["days"]) == 13  # 1 + 4 + 1 + 2 + 1 + 1 + 3
    assert {day["kind"] for day in data["days"]} == {"rest"}


@pytest.mark.django_db
def test_loading_twice_changes_nothing() -> None:
    out = StringIO()
    call_command("load_calendar", stdout=out)
    call_command("load_calendar", stdout=out)
    assert CalendarVersion.objects.count() == 1
    assert "已保存" in out.getvalue()
    assert "未改动" in out.getvalue()


@pytest.mark.django_db
def test_loading_again_does_not_take_back_a_later_revision() -> None:
    first, _ = load_file(DEFAULT_FILE)
    later = save_version(code="default", content=replace(content_of(first), nominal_day_minutes=450))
    again, is_new = load_file(DEFAULT_FILE)
    assert (again, is_new) == (first, False)
    assert work_calendar.current_version() == later


@pytest.mark.django_db
def test_year_file_replaces_that_year_in_a_new_version(tmp_path: Path) -> None:
    first, _ = load_file(DEFAULT_FILE)
    file = tmp_path / "calendar-2027.json"
    file.write_text(
        json.dumps(
            {
                "calendar": "default", "year": 2027, "certainty": "published", "source": "通知",
                "days": [{"on": "2027-10-01", "kind": "rest", "name": "国庆节"}],
            }
        )
    )  # fmt: skip
    version, is_new = load_file(file)
    assert is_new
    assert (version.number, version.label, version.source) == (2, "日历2027版第1次修订", "通知")
    assert version.covers_to == date(2027, 12, 31)
    assert list(version.days.filter(on__year=2027).values_list("on", flat=True)) == [date(2027, 10, 1)]
    assert version.days.filter(on__year=2026).count() == first.days.filter(on__year=2026).count()
    assert work_calendar.load(version.pk).kind_of(date(2027, 2, 5)) is DayKind.ORDINARY
    assert work_calendar.load(first.pk).kind_of(date(2027, 2, 5)) is DayKind.HOLIDAY


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"year": 2026', "JSON"),
        ("[]", "JSON 对象"),
        ('{"year": 2027, "days": []}', "certainty"),
        ('{"certainty": "published", "days": []}', "year"),
        ('{"year": 2027, "certainty": "published", "days": [{"on": "2026-01-01"}]}', "不在2027年"),
        ('{"year": 2027, "certainty": "published", "days": [{"on": "1 May"}]}', "1 May"),
        ('{"year": 2030, "certainty": "published", "days": []}', "不相连"),
        ('{"year": 2027, "certainty": "published", "calendar": "none", "days": []}', "none"),
        (
            '{"year": 2027, "certainty": "published", "days": [{"on": "2027-01-01", "kind": "rest", "name": "a"},'
            ' {"on": "2027-01-01", "kind": "rest", "name": "b"}]}',
            "两次",
        ),
        (
            '{"year": 2027, "certainty": "published", "days": [{"on": "2027-01-01", "kind": "off", "name": "a"}]}',
            "off",
        ),
        ('{"weekly": [], "years": ["calendar-1999.json"]}', "calendar-1999.json"),
        ('{"weekly": [], "years": []}', "年份"),
    ],
)
@pytest.mark.django_db
def test_bad_file_is_refused_and_nothing_written(tmp_path: Path, text: str, words: str) -> None:
    load_file(DEFAULT_FILE)
    file = tmp_path / "calendar.json"
    file.write_text(text)
    with pytest.raises(CommandError, match=words):
        call_command("load_calendar", str(file))
    assert CalendarVersion.objects.count() == 1


@pytest.mark.django_db
def test_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "calendar.json"
    file.write_bytes('{"name": "日历"}'.encode("gbk"))
    with pytest.raises(CommandError, match="UTF-8"):
        call_command("load_calendar", str(file))


# --- versions


@pytest.mark.django_db
def test_new_version_is_current_and_the_old_one_stays() -> None:
    first = save_version(code="city", name="市日历", content=CONTENT)
    assert work_calendar.current_version("city") == first
    second = save_version(code="city", content=replace(CONTENT, days={}))
    assert work_calendar.current_version("city") == second
    assert (second.number, second.label) == (2, "日历2026版第1次修订")
    assert work_calendar.load(first.pk).works_on(date(2026, 10, 10))
    assert not work_calendar.current("city").works_on(date(2026, 10, 10))
    assert content_of(first) == CONTENT
    assert second.calendar.name == "市日历"


@pytest.mark.django_db
def test_saving_is_audited() -> None:
    user = User.objects.create_user("rules")
    version = save_version(code="city", content=CONTENT, by=user, address="10.0.0.1")
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.address) == (user, "calendar.save_version", "10.0.0.1")
    assert (entry.object_type, entry.object_id) == ("common.CalendarVersion", str(version.pk))
    assert entry.detail == {"calendar": "city", "number": 1, "days": 1}


@pytest.mark.django_db
def test_version_is_read_once_a_process(django_assert_num_queries) -> None:
    version = save_version(code="city", content=CONTENT)
    with django_assert_num_queries(2):
        calendar = work_calendar.load(version.pk)
    with django_assert_num_queries(0):
        assert work_calendar.load(version.pk) is calendar


@pytest.mark.django_db
def test_unknown_calendar_is_refused_by_field() -> None:
    with pytest.raises(FieldError) as caught:
        work_calendar.current_version("nowhere")
    assert caught.value.field == "calendar"
    with pytest.raises(CalendarVersion.DoesNotExist):
        work_calendar.load(1)


@pytest.mark.django_db
def test_version_and_its_days_are_written_once() -> None:
    version = save_version(code="city", content=CONTENT)
    version.number = 7
    day = version.days.get()
    for change in (
        version.save,
        version.delete,
        day.save,
        day.delete,
        lambda: CalendarDay.objects.update(name="x"),
        lambda: CalendarVersion.objects.all().delete(),
        lambda: CalendarDay.objects.bulk_update([day], ["name"]),
    ):
        with pytest.raises(ImmutableError):
            change()
    assert CalendarVersion.objects.get().number == 1


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("weekly", {"weekly": WEEK[:6]}),
        ("weekly", {"weekly": [[]] * 7}),
        ("weekly", {"weekly": [[["08:00", "8am"]], *WEEK[1:]]}),
        ("weekly", {"weekly": [[["08:00", "25:00"]], *WEEK[1:]]}),
        ("weekly", {"weekly": [[["12:00", "08:00"]], *WEEK[1:]]}),
        ("weekly", {"weekly": [[["08:00", "12:00"], ["11:00", "18:00"]], *WEEK[1:]]}),
        ("weekly", {"weekly": [["08:00", "12:00"], *WEEK[1:]]}),
        ("weekly", {"weekly": "every day"}),
        ("seasons", {"seasons": [{"from": "05-01", "to": "09-30"}]}),
        ("seasons", {"seasons": [{"from": "05-32", "to": "09-30", "weekly": WEEK}]}),
        ("seasons", {"seasons": [{"from": "05-01", "to": "09-30", "weekly": [[]] * 7}]}),
        (
            "seasons",
            {
                "seasons": [
                    {"from": "11-01", "to": "03-31", "weekly": WEEK},
                    {"from": "01-01", "to": "01-31", "weekly": WEEK},
                ]
            },
        ),
        ("nominal_day_minutes", {"nominal_day_minutes": 0}),
        ("covers_to", {"covers_to": date(2025, 12, 31)}),
        ("days", {"days": {date(2026, 5, 1): {"kind": "holiday", "name": "劳动节"}}}),
        ("days", {"days": {date(2026, 5, 1): {"kind": "rest", "name": " "}}}),
        ("days", {"days": {date(2026, 5, 1): {"kind": "rest", "name": "劳动节", "intervals": DAY}}}),
        ("days", {"days": {date(2026, 5, 9): {"kind": "work", "name": "调休", "intervals": [["08:00"]]}}}),
    ],
)
@pytest.mark.django_db
def test_content_that_is_no_calendar_is_refused_by_field(field, change) -> None:
    with pytest.raises(FieldError) as caught:
        save_version(code="city", content=replace(CONTENT, **change))
    assert caught.value.field == field
    assert not CalendarVersion.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db
def test_season_and_own_hours_reach_the_calendar() -> None:
    summer = {"from": "05-01", "to": "09-30", "name": "夏季", "weekly": [[["08:00", "12:00"], ["15:00", "18:30"]]] * 7}
    days = {date(2026, 9, 20): {"kind": "work", "name": "半日", "intervals": [["09:00", "12:00"]]}}
    version = save_version(code="city", content=replace(CONTENT, seasons=[summer], days=days))
    calendar = work_calendar.load(version.pk)
    assert calendar.hours_of(date(2026, 7, 1)) == ((480, 720), (900, 1110))
    assert calendar.hours_of(date(2026, 9, 20)) == ((540, 720),)
    assert calendar.hours_of(date(2026, 10, 12)) == ((480, 720), (840, 1080))
