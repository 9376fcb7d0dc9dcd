"""The admin pages of people: who gets in, and that they save through the services."""

from datetime import timedelta

import pytest
from django.urls import reverse

from gridgov.common import clock
from gridgov.common.models import AuditEntry, User
from personnel.models import Department, Posting, Worker
from personnel.roles import ADMINISTRATORS, Role


def today():
    return clock.local_date(clock.now())


@pytest.fixture
def enter(world, client):
    """Signs somebody in and opens pages: ``enter("system_admin")``."""

    def _enter(login):
        User.objects.filter(username=login).update(is_staff=True)
        client.force_login(User.objects.get(username=login))
        return client

    return _enter


@pytest.mark.parametrize(
    ("login", "page", "status"),
    [
        ("system_admin", "personnel_department", 200),
        ("system_admin", "personnel_posting", 200),
        ("system_admin", "incidents_filingstandard", 200),
        ("system_admin", "grids_area", 200),
        ("system_admin", "common_auditentry", 403),
        ("security_admin", "personnel_posting", 200),
        ("security_admin", "personnel_department", 403),
        ("security_admin", "incidents_filingstandard", 403),
        ("audit_admin", "common_auditentry", 200),
        ("audit_admin", "personnel_posting", 403),
        ("duty_chief", "personnel_posting", 403),
        ("duty_chief", "incidents_category", 403),
    ],
)
def test_pages_open_to_whose_role_has_them(enter, login, page, status):
    assert enter(login).get(reverse(f"admin:{page}_changelist")).status_code == status


def test_pages_stay_closed_to_who_is_no_staff(world, client):
    client.force_login(world.people["dispatcher"])
    assert client.get(reverse("admin:index")).status_code == 403


@pytest.mark.parametrize("page", ["department", "worker", "posting", "componentduty"])
def test_list_and_add_pages_render(enter, page):
    client = enter("system_admin")
    assert client.get(reverse(f"admin:personnel_{page}_changelist")).status_code == 200
    assert client.get(reverse(f"admin:personnel_{page}_add")).status_code == 200


def test_posting_list_costs_the_same_however_long(enter, world, django_assert_max_num_queries):
    client, url = enter("system_admin"), reverse("admin:personnel_posting_changelist")
    client.get(url)
    with django_assert_max_num_queries(12) as captured:
        client.get(url)
    assert not any('"boundary"' in query["sql"] for query in captured)


def posted(worker, area, **more):
    return {"worker": worker.pk, "role": "verifier", "area": area.pk, "department": "", "starts_on": today(),
            "ends_on": "", **more}  # fmt: skip


def test_posting_is_begun_once_and_audited(enter, world):
    client, worker = enter("system_admin"), world.workers["nobody"]
    before = AuditEntry.objects.filter(action="posting.begin").count()
    page = client.post(reverse("admin:personnel_posting_add"), posted(worker, world.areas["620901"]))
    assert page.status_code == 302
    posting = Posting.objects.get(worker=worker)
    assert posting.role == "verifier"
    entries = AuditEntry.objects.filter(action="posting.begin")
    assert entries.count() == before + 1
    assert entries.first().actor == world.people["system_admin"]
    assert world.people["nobody"].area_memberships.get().posting_ref == posting.reference


def test_refusal_of_the_service_stands_at_its_field_and_nothing_is_written(enter, world):
    client, worker = enter("system_admin"), world.workers["nobody"]
    page = client.post(
        reverse("admin:personnel_posting_add"), posted(worker, world.areas["620901"], role="department_head")
    )
    assert page.status_code == 200
    assert "任职于部门" in str(page.context["adminform"].form.errors)
    page = client.post(reverse("admin:personnel_posting_add"), posted(worker, world.root, role="audit_admin"))
    assert "管理员的任职由安全管理员给予" in str(page.context["adminform"].form.errors["role"])
    assert not Posting.objects.filter(worker=worker).exists()


def test_posting_is_ended_and_never_deleted(enter, world):
    client = enter("system_admin")
    posting = Posting.objects.get(worker=world.workers["verifier"])
    url = reverse("admin:personnel_posting_change", args=[posting.pk])
    page = client.post(url, {"ends_on": today(), "ended_reason": ""})
    assert "请填写原因" in str(page.context["adminform"].form.errors["ended_reason"])
    assert client.post(url, {"ends_on": today(), "ended_reason": "轮岗"}).status_code == 302
    posting.refresh_from_db()
    assert (posting.ends_on, posting.ended_reason) == (today(), "轮岗")
    assert client.get(reverse("admin:personnel_posting_delete", args=[posting.pk])).status_code == 403


def test_worker_is_hired_moved_and_leaves(enter, world):
    client = enter("system_admin")
    given = {"login": "xin", "name": "新", "phone": "", "number": "N1", "department": "", "root": world.root.pk}
    page = client.post(reverse("admin:personnel_worker_add"), given | {"password": "12345678"})
    assert "password" in page.context["adminform"].form.errors
    assert not User.objects.filter(username="xin").exists()
    page = client.post(reverse("admin:personnel_worker_add"), given | {"password": "changed-2026"})
    assert page.status_code == 302
    worker = Worker.objects.get(number="N1")
    assert worker.user.check_password("changed-2026")
    url = reverse("admin:personnel_worker_change", args=[worker.pk])
    department = world.departments["SW"].pk
    client.post(url, {"department": department, "left_on": today() + timedelta(days=2), "reason": "调离"})
    worker.refresh_from_db()
    assert (worker.department_id, worker.is_active) == (None, True)
    page = client.post(url, {"department": department, "left_on": today(), "reason": "调离"})
    assert page.status_code == 302, page.context["adminform"].form.errors
    worker.refresh_from_db()
    assert (worker.department_id, worker.is_active) == (department, False)


def test_department_is_saved_and_moved(enter, world):
    client = enter("system_admin")
    given = {"root": world.root.pk, "code": "HB", "name": "环保局", "kind": "bureau", "parent": "", "area": "",
             "is_active": "on"}  # fmt: skip
    assert client.post(reverse("admin:personnel_department_add"), given).status_code == 302
    saved = Department.objects.get(code="HB")
    assert saved.path == f"/{saved.pk}/"
    url = reverse("admin:personnel_department_change", args=[saved.pk])
    page = client.post(url, given | {"parent": saved.pk})
    assert "不能移到自身" in str(page.context["adminform"].form.errors["parent"])
    client.post(url, given | {"parent": world.departments["CG"].pk})
    assert Department.objects.get(code="HB").path == f"/{world.departments['CG'].pk}/{saved.pk}/"


def offered(client):
    form = client.get(reverse("admin:personnel_posting_add")).context["adminform"].form
    return {code for code, _label in form.fields["role"].choices if code}


def test_roles_offered_are_those_that_one_may_give(enter, world):
    assert offered(enter("system_admin")) == set(Role) - ADMINISTRATORS
    client = enter("security_admin")
    assert offered(client) == set(ADMINISTRATORS)
    page = client.post(reverse("admin:personnel_posting_add"), posted(world.workers["nobody"], world.root))
    assert "其他任职由系统管理员给予" in str(page.context["adminform"].form.errors["role"])
    given = posted(world.workers["nobody"], world.root, role="audit_admin")
    assert client.post(reverse("admin:personnel_posting_add"), given).status_code == 302


def test_security_administrator_sees_workers_and_adds_and_moves_none(enter, world):
    client = enter("security_admin")
    listed = client.get(reverse("admin:personnel_worker_changelist"))
    assert listed.status_code == 200
    assert reverse("admin:personnel_worker_add") not in listed.text
    refused = client.get(reverse("admin:personnel_worker_add"))
    assert refused.status_code == 403
    assert "由系统管理员录入" in refused.text
    url = reverse("admin:personnel_worker_change", args=[world.workers["nobody"].pk])
    assert client.get(url).status_code == 200
    assert client.post(url, {"department": ""}).status_code == 403
