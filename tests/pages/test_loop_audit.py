"""The page of the auditor."""

import pytest

from dispatch import loop_audit, tasks
from dispatch.loop_audit import STATEMENTS
from dispatch.models import LoopAudit
from incidents.models import Incident

pytestmark = pytest.mark.django_db


def test_page_is_for_those_who_operate_the_loop(sign_in):
    for login in ("duty_chief", "system_admin"):
        assert sign_in(login).get("/ops/audit/").status_code == 200
    for login in ("acceptor", "leader", "security_admin", "department_handler"):
        assert sign_in(login).get("/ops/audit/").status_code == 403, login
        assert sign_in(login).post("/ops/audit/now/").status_code == 403, login


def test_page_says_of_each_statement_whether_it_holds_and_names_the_cases_of_ones_area(world, sign_in):
    number = world.report()
    loop_audit.run_and_tell()
    page = sign_in("duty_chief").get("/ops/audit/")
    assert len(page.context["statements"]) == len(STATEMENTS) - 1  # without what a client said
    assert not any(row["count"] for row in page.context["statements"])
    Incident.objects.filter(number=number).update(due_at=None)
    loop_audit.run_and_tell(full=True)
    for login, named in (("duty_chief", [number]), ("duty_chief_b", []), ("duty_chief_city", [number])):
        first = sign_in(login).get("/ops/audit/").context["statements"][0]
        assert (first["statement"], first["count"]) == (str(STATEMENTS["queue_due"]), 1)
        assert first["numbers"] == named
    assert f'href="/cases/{number}/"' in sign_in("duty_chief").get("/ops/audit/").text
    assert f'href="/cases/{number}/"' not in sign_in("system_admin").get("/ops/audit/").text


def test_full_run_can_be_asked_for(world, sign_in, monkeypatch):
    asked = []
    monkeypatch.setattr(tasks.audit_loop, "apply_async", lambda **options: asked.append(options["kwargs"]))
    client = sign_in("duty_chief")
    assert client.get("/ops/audit/now/").status_code == 405
    assert client.post("/ops/audit/now/", follow=True).status_code == 200
    assert asked == [{"full": True}]
    assert not LoopAudit.objects.exists()


def test_broker_that_does_not_answer_is_said(world, sign_in, monkeypatch):
    def refuse(**options):
        raise OSError("no broker")

    monkeypatch.setattr(tasks.audit_loop, "apply_async", refuse)
    assert "gg-note-over" in sign_in("duty_chief").post("/ops/audit/now/", follow=True).text


def test_page_takes_the_same_statements_for_one_run_and_three(world, sign_in, statements):
    world.report()
    loop_audit.run_and_tell()
    client = sign_in("duty_chief")
    one = statements(client, "/ops/audit/")
    for _more in range(2):
        world.report()
        loop_audit.run_and_tell()
    assert statements(client, "/ops/audit/") == one
