"""The page of the machine."""

from datetime import timedelta

import pytest
import time_machine

from dispatch import measures
from gridgov.common import clock, heartbeat
from gridgov.common.models import ProcessReport, SlowStatement
from personnel import services as people

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh():
    measures.forget()


def test_page_is_for_who_operates_a_whole_city(world, sign_in):
    assert sign_in("system_admin").get("/ops/system/").status_code == 200
    for login in ("duty_chief", "leader", "security_admin", "audit_admin", "department_handler", "nobody"):
        assert sign_in(login).get("/ops/system/").status_code == 403, login
    refused = sign_in("duty_chief").get("/ops/system/")
    assert "全市的流程运维" in refused.text
    # the same role over the whole city is let in, and shown the way
    today = clock.local_date(clock.now())
    people.post(worker=world.workers["nobody"], role="duty_chief", area=world.root, starts_on=today)
    chief = sign_in("nobody")
    assert chief.get("/ops/system/").status_code == 200
    assert 'href="/ops/system/"' in chief.get("/ops/").text


def test_dashboard_of_the_loop_leads_there_for_who_may_go(sign_in):
    assert 'href="/ops/system/"' in sign_in("system_admin").get("/ops/").text
    assert 'href="/ops/system/"' not in sign_in("duty_chief").get("/ops/").text


def test_page_shows_processes_lags_and_slow_statements(world, sign_in):
    now = clock.now()
    with time_machine.travel(now - timedelta(days=10)):
        world.report()
    heartbeat.beat("sweep")
    for pid, seconds in ((11, 2), (12, 600)):
        ProcessReport.objects.create(
            kind="live", host="machine", pid=pid, began_at=now - timedelta(hours=1),
            beat_at=now - timedelta(seconds=seconds), figures={"streams": 7},
        )  # fmt: skip
    SlowStatement.objects.create(
        fingerprint="f", sql="SELECT pg_sleep(%s)", place="ops/", count=4, total_ms=2000, worst_ms=900, last_at=now
    )
    answer = sign_in("system_admin").get("/ops/system/")
    assert [(one["where"], one["is_late"]) for one in answer.context["processes"]] == [
        ("machine:11", False),
        ("machine:12", True),
    ]
    assert answer.context["streams"] == 7
    assert {name for name, _value, is_bad in answer.context["lags"] if is_bad} >= {"扫描延迟", "最久的待投递"}
    slow = answer.context["slow"][0]
    assert (slow["mean_ms"], slow["worst_ms"]) == (500, 900)
    assert "SELECT pg_sleep(%s)" in answer.text


def test_page_takes_the_same_statements_however_much_there_is(world, sign_in, statements):
    def fill(count: int) -> None:
        for n in range(count):
            now = clock.now()
            ProcessReport.objects.create(kind="web", host=f"h{count}", pid=n, began_at=now, beat_at=now)
            SlowStatement.objects.create(fingerprint=f"{count}-{n}", sql="SELECT 1", last_at=now)

    client = sign_in("system_admin")
    fill(1)
    few = statements(client, "/ops/system/")
    fill(3)
    assert statements(client, "/ops/system/") == few
