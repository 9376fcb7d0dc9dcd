"""Django's admin: rules are saved as new versions, what cases made is only read."""

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dispatch.models import EscalationTarget, Request, RoutingRule, Ticket
from gridgov.common.models import AuditEntry, User
from incidents.models import Checkpoint, Clock, Incident, JournalEntry

pytestmark = pytest.mark.django_db
READ_ONLY = [Incident, JournalEntry, Clock, Checkpoint, Ticket, Request]


@pytest.fixture
def root(world):
    User.objects.create_superuser("root", password="x")
    client = Client()
    client.force_login(User.objects.get(username="root"))
    return client


def address(model, *tail) -> str:
    return "/".join(["/admin", model._meta.app_label, model._meta.model_name, *map(str, tail), ""])


@pytest.mark.parametrize("model", READ_ONLY)
def test_what_cases_made_is_read_only_for_superusers_too(world, root, model):
    world.carry("handling")
    assert root.get(address(model)).status_code == 200
    assert root.get(address(model, "add")).status_code == 403
    row = model.objects.first()
    if row is None:
        return
    before = model.objects.filter(pk=row.pk).values().get()
    assert root.get(address(model, row.pk, "change")).status_code == 200
    assert root.post(address(model, row.pk, "change"), {"status": "closed"}).status_code == 403
    assert root.post(address(model, row.pk, "delete"), {"post": "yes"}).status_code == 403
    assert model.objects.filter(pk=row.pk).values().get() == before


def test_who_may_not_come_to_the_admin_is_told_so_and_not_asked_again_who_he_is(world, root):
    client = Client()
    assert 'name="password"' in client.get("/admin/", follow=True).text
    client.force_login(world.people["acceptor"])
    for path in ("/admin/", "/admin/login/", "/admin/login/?next=/admin/", address(RoutingRule)):
        answer = client.get(path)
        assert answer.status_code == 403, path
        assert "管理后台只对系统、安全和审计管理员开放" in answer.text
        assert 'name="password"' not in answer.text
    client.force_login(world.people["system_admin"])
    assert client.get("/admin/").status_code == 200
    assert root.get("/admin/login/").status_code == 302


def test_large_tables_are_never_counted_whole(world, root):
    world.carry("handling")
    for model in READ_ONLY:
        assert admin.site.get_model_admin(model).show_full_result_count is False
        with CaptureQueriesContext(connection) as found:
            root.get(address(model))
        counting = [q["sql"] for q in found if "COUNT(" in q["sql"] and model._meta.db_table in q["sql"]]
        assert all("LIMIT" in sql for sql in counting), counting


def test_confidential_cases_are_not_in_the_admin(world, root):
    number = world.report(category="0302")
    assert number not in root.get(address(Incident)).content.decode()
    case = world.case(number)
    assert root.get(address(Incident, case.pk, "change")).status_code == 302
    assert number not in root.get(address(JournalEntry)).content.decode()


def rule(world, **values):
    district, waste = world.areas["620901"], Incident._meta.get_field("category").related_model.objects.get(code="0201")
    given = {
        "area": district.pk, "category": waste.pk, "calendar_class": "any", "lead": world.departments["CG"].pk,
        "priority": 0, "note": "",
    }  # fmt: skip
    return {k: v for k, v in (given | values).items() if v is not None}


def test_routing_rule_is_saved_as_a_new_version_with_an_audit_entry(world, root):
    assert root.post(address(RoutingRule, "add"), rule(world)).status_code == 302
    first = RoutingRule.objects.get()
    changed = rule(world, lead=world.departments["CG-SZ"].pk, joint=[world.departments["ZJ"].pk])
    assert root.post(address(RoutingRule, first.pk, "change"), changed).status_code == 302
    old, new = RoutingRule.objects.order_by("version")
    assert (old.pk, old.superseded_at is not None, old.lead.code) == (first.pk, True, "CG")
    assert (new.version, new.lead.code, [d.code for d in new.joint.all()]) == (2, "CG-SZ", ["ZJ"])
    assert AuditEntry.objects.filter(action="routing.save_rule").count() == 2
    assert root.post(address(RoutingRule, old.pk, "change"), rule(world)).status_code == 403
    assert root.post(address(RoutingRule, new.pk, "change"), rule(world, withdraw="职责划转")).status_code == 302
    assert not RoutingRule.objects.filter(superseded_at__isnull=True).exists()


def test_routing_rule_refusal_stands_beside_its_field(world, root):
    lead = world.departments["CG"].pk
    response = root.post(address(RoutingRule, "add"), rule(world, joint=[lead]))
    assert response.status_code == 200
    assert "主办不能同时是协办" in response.content.decode()
    assert not RoutingRule.objects.exists()


def test_escalation_target_is_saved_and_removed_with_an_audit_entry(world, root):
    given = {
        "step": "warn", "clock": "handle", "side": "centre", "role": "dispatcher", "levels_up": 0, "channel": "in_app",
        "supervision_level": 0,
    }  # fmt: skip
    EscalationTarget.objects.all().delete()
    assert root.post(address(EscalationTarget, "add"), given).status_code == 302
    assert root.post(address(EscalationTarget, "add"), given | {"role": "duty_chief"}).status_code == 302
    assert EscalationTarget.objects.count() == 2
    row = EscalationTarget.objects.get(role="duty_chief")
    assert root.post(address(EscalationTarget, row.pk, "change"), given | {"role": "supervisor"}).status_code == 302
    assert set(EscalationTarget.objects.values_list("role", flat=True)) == {"dispatcher", "supervisor"}
    wrong = root.post(address(EscalationTarget, "add"), given | {"side": "handler"})
    assert wrong.status_code == 200
    assert "处置方用部门角色" in wrong.content.decode()
    row = EscalationTarget.objects.get(role="supervisor")
    assert root.post(address(EscalationTarget, row.pk, "delete"), {"post": "yes"}).status_code == 302
    assert list(EscalationTarget.objects.values_list("role", flat=True)) == ["dispatcher"]
    assert AuditEntry.objects.filter(action="escalation.save_targets").count() == 4


def test_rules_are_for_who_manages_them(world):
    for login, status in (("system_admin", 200), ("duty_chief", 403), ("audit_admin", 403)):
        user = world.people[login]
        User.objects.filter(pk=user.pk).update(is_staff=login != "duty_chief")
        user.refresh_from_db()
        client = Client()
        client.force_login(user)
        assert client.get(address(RoutingRule)).status_code == status, login
