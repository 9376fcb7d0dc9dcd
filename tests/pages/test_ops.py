"""The dashboard of those who operate the loop."""

from datetime import timedelta

import pytest

from dispatch import requests
from dispatch.models import LadderPause, Notice, NoticeDelivery
from gridgov.common import clock, heartbeat
from incidents.models import Clock, JournalEntry

pytestmark = pytest.mark.django_db


def parked(world, number):
    entry = JournalEntry.objects.filter(incident__number=number).order_by("-seq").first()
    JournalEntry.objects.filter(pk=entry.pk).update(parked_at=clock.now(), attempt_count=8, last_error="渠道不通")
    return entry


def failed(world, number, login="acceptor"):
    notice = Notice.objects.create(
        user=world.people[login], incident=world.case(number), entry_seq=1, topic="step:due", text="到期",
        created_at=clock.now(),
    )  # fmt: skip
    return NoticeDelivery.objects.create(
        notice=notice, channel="in_app", state="failed", attempt_count=5, last_error="x"
    )


def test_dashboard_is_for_those_who_operate_the_loop(sign_in):
    for login in ("duty_chief", "system_admin"):
        assert sign_in(login).get("/ops/").status_code == 200
    for login in ("acceptor", "leader", "security_admin", "department_handler"):
        assert sign_in(login).get("/ops/").status_code == 403, login


def test_dashboard_shows_each_thing_that_waits_and_opens_its_case(world, sign_in):
    now = clock.now()
    late = world.report(at=now - timedelta(days=10))
    asked = world.carry("handling")
    requests.ask(number=asked, kind="extend", by=world.actor("department_handler"), reason="材料未到")
    stuck = world.report()
    parked(world, stuck)
    failed(world, stuck)
    heartbeat.beat("worker", at=now)
    response = sign_in("duty_chief").get("/ops/")
    page = response.text
    assert [(row["number"], row["kind"]) for row in response.context["over"]] == [(late, "accept"), (late, "total")]
    assert response.context["totals"]["over"] == 2
    assert [row["number"] for row in response.context["waiting"]] == [asked]
    assert [row["number"] for row in response.context["parked"]] == [stuck]
    assert response.context["failed_count"] == 1
    for number in (late, asked, stuck):
        assert f'href="/cases/{number}/"' in page
    parts = {part["name"]: part["is_late"] for part in response.context["parts"]}
    assert parts == {"worker": False, "beat": True, "sweep": True}
    assert response.context["stages"][0]["armed"] >= 1


def test_dashboard_of_another_district_shows_nothing_of_this_one(world, sign_in):
    parked(world, world.report(at=clock.now() - timedelta(days=10)))
    response = sign_in("duty_chief_b").get("/ops/")
    assert (response.context["totals"]["over"], response.context["parked_count"]) == (0, 0)


def test_system_administrator_sees_numbers_but_no_way_into_cases(world, sign_in):
    number = world.report(at=clock.now() - timedelta(days=10))
    page = sign_in("system_admin").get("/ops/").text
    assert number in page
    assert f'href="/cases/{number}/"' not in page


def test_ladder_is_held_and_released_with_a_reason_and_journalled(world, sign_in):
    number = world.report()
    running = Clock.objects.get(incident__number=number, kind="accept")
    client = sign_in("duty_chief")
    path = f"/ops/clocks/{running.pk}"
    assert sign_in("acceptor").post(f"{path}/pause/", {"reason": "x"}).status_code == 403
    without = client.post(f"{path}/pause/", {"reason": ""}, follow=True)
    assert "gg-note-over" in without.text
    assert not LadderPause.objects.exists()
    client.post(f"{path}/pause/", {"reason": "停电检修"})
    assert LadderPause.objects.get().reason == "停电检修"
    assert "停电检修" in client.get("/ops/").text
    client.post(f"{path}/release/", {"reason": "来电"})
    assert LadderPause.objects.get().released_at is not None
    actions = list(
        JournalEntry.objects.filter(incident__number=number).order_by("seq").values_list("action", flat=True)
    )
    assert actions == ["report", "ladder_paused", "ladder_released"]


def test_parked_entry_is_released_with_a_reason_and_journalled(world, sign_in):
    number = world.report()
    entry = parked(world, number)
    sign_in("duty_chief_b").post(f"/ops/entries/{entry.pk}/release/", {"reason": "x"})
    entry.refresh_from_db()
    assert entry.parked_at is not None
    sign_in("duty_chief").post(f"/ops/entries/{entry.pk}/release/", {"reason": "渠道已恢复"})
    entry.refresh_from_db()
    assert entry.parked_at is None
    assert JournalEntry.objects.filter(incident__number=number, action="entry_released").exists()


def test_failed_notice_waits_again_after_resend(world, sign_in):
    delivery = failed(world, world.report())
    assert sign_in("acceptor").post(f"/ops/deliveries/{delivery.pk}/resend/").status_code == 403
    sign_in("duty_chief").post(f"/ops/deliveries/{delivery.pk}/resend/")
    delivery.refresh_from_db()
    assert delivery.state == "failed"  # nothing without a reason
    sign_in("duty_chief").post(f"/ops/deliveries/{delivery.pk}/resend/", {"reason": "号码已更正"})
    delivery.refresh_from_db()
    assert delivery.state == "pending"
    entry = JournalEntry.objects.get(action="notice_resent")
    assert (entry.actor, entry.text) == (world.people["duty_chief"], "号码已更正")


def test_dashboard_takes_the_same_statements_for_one_case_and_three(world, sign_in, statements):
    client = sign_in("duty_chief")
    old = clock.now() - timedelta(days=10)
    parked(world, world.report(at=old))
    one = statements(client, "/ops/")
    for _time in range(2):
        parked(world, world.report(at=old))
    assert statements(client, "/ops/") == one
    assert one <= 18
