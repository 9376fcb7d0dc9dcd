"""Admin of calendars and of the audit trail, over HTTP."""

import json
from datetime import date

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from gridgov.common import audit, work_calendar
from gridgov.common.models import AuditEntry, CalendarVersion, User, WorkCalendar
from gridgov.common.read_only import COUNTED_AT_MOST, BoundedPaginator
from gridgov.common.service_admin import ServiceAdmin


@pytest.fixture
def superuser(db: None) -> User:
    return User.objects.create_superuser("root", password="x")


@pytest.fixture
def staff(superuser: User, client: Client) -> Client:
    work_calendar.forget()
    work_calendar.load_file(work_calendar.DEFAULT_FILE)
    client.force_login(superuser)
    return client


def _form(client: Client, **changes: str) -> dict[str, str]:
    """The fields of the add form as a browser sends them back."""
    page = client.get(reverse("admin:common_calendarversion_add"))
    assert page.status_code == 200
    form = page.context["adminform"].form
    data = {}
    for name, field in form.fields.items():
        value = field.prepare_value(form.get_initial_for_field(field, name))
        data[name] = value if isinstance(value, str) else "" if value is None else str(value)
    return data | changes


def test_add_form_starts_from_the_current_version(staff: Client) -> None:
    form = _form(staff)
    assert "2026-10-10 work 国庆节调休上班" in form["days"].splitlines()
    assert json.loads(form["weekly"])[0] == [["08:00", "12:00"], ["14:00", "18:00"]]
    assert form["covers_to"] == "2026-12-31"


def test_saving_the_form_makes_a_new_version_through_the_service(staff: Client, superuser: User) -> None:
    form = _form(staff)
    form["days"] += "\n2026-12-26 work 加班 08:00-12:00,14:00-17:00"
    answer = staff.post(reverse("admin:common_calendarversion_add"), form)
    assert answer.status_code == 302
    version = work_calendar.current_version()
    assert (version.number, version.days.count()) == (2, 86)
    assert version.days.get(on=date(2026, 12, 26)).intervals == [["08:00", "12:00"], ["14:00", "17:00"]]
    entry = AuditEntry.objects.order_by("id").last()
    assert (entry.actor, entry.action, entry.object_id) == (superuser, "calendar.save_version", str(version.pk))
    assert entry.address == "127.0.0.1"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"days": "2026-10-10 work"}, "days"),
        ({"days": "10 October work 加班"}, "days"),
        ({"days": "2026-10-10 off 国庆节"}, "days"),
        ({"days": "2026-10-10 rest a\n2026-10-10 rest b"}, "days"),
        ({"days": "2026-10-10 work 加班 8-12"}, "days"),
        ({"weekly": "[]"}, "weekly"),
        ({"weekly": "nonsense"}, "weekly"),
        ({"covers_to": "2024-01-01"}, "covers_to"),
    ],
)
def test_wrong_input_comes_back_at_its_field_and_nothing_is_saved(staff: Client, changes, field) -> None:
    answer = staff.post(reverse("admin:common_calendarversion_add"), _form(staff, **changes))
    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == [field]
    assert CalendarVersion.objects.count() == 1


def test_versions_are_shown_and_not_changed_not_even_by_superusers(staff: Client) -> None:
    version = work_calendar.current_version()
    assert staff.get(reverse("admin:common_calendarversion_changelist")).status_code == 200
    page = reverse("admin:common_calendarversion_change", args=[version.pk])
    shown = staff.get(page)
    assert shown.status_code == 200
    assert "国庆节调休上班" in shown.content.decode()
    assert staff.post(page, {"number": 9}).status_code == 403
    assert staff.post(reverse("admin:common_calendarversion_delete", args=[version.pk])).status_code == 403


def test_person_without_the_permission_adds_no_version(staff: Client) -> None:
    staff.force_login(User.objects.create_user("clerk", is_staff=True))
    assert staff.get(reverse("admin:common_calendarversion_add")).status_code == 403
    assert staff.get(reverse("admin:common_auditentry_changelist")).status_code == 403


def test_audit_trail_is_read_only(staff: Client) -> None:
    entry = audit.record(action="user.disable", object_type="common.User", object_id=1)
    assert "user.disable" in staff.get(reverse("admin:common_auditentry_changelist")).content.decode()
    page = reverse("admin:common_auditentry_change", args=[entry.pk])
    assert staff.get(page).status_code == 200
    assert staff.post(page, {"action": "y"}).status_code == 403
    assert staff.get(reverse("admin:common_auditentry_add")).status_code == 403
    assert staff.post(reverse("admin:common_auditentry_delete", args=[entry.pk])).status_code == 403
    assert AuditEntry.objects.filter(action="user.disable").count() == 1


@pytest.mark.django_db
def test_large_table_is_counted_no_further_than_the_bound(django_assert_num_queries) -> None:
    audit.record(action="x")
    with django_assert_num_queries(1) as queries:
        assert BoundedPaginator(AuditEntry.objects.order_by("-id"), 50).count == 1
    assert f"LIMIT {COUNTED_AT_MOST + 1}" in queries.captured_queries[0]["sql"]


def test_page_that_does_not_say_how_it_saves_fails_the_check() -> None:
    class Unsaid(ServiceAdmin):
        pass

    class Said(Unsaid):
        def save_by_service(self, request, obj, data, change):
            return obj

    [found] = Unsaid(WorkCalendar, admin.site).check()
    assert found.id == "gridgov.E007"
    assert Said(WorkCalendar, admin.site).check() == []
