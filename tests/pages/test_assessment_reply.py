"""The worker's days for his reply, said alike to him and to the leader."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from personnel import assessment_services as services
from personnel.assessment_models import Assessment
from tests.reporting.assessed import assess

pytestmark = pytest.mark.django_db


def revision(response) -> str:
    return re.search(r'name="revision" value="([^"]+)"', response.text)[1]


def test_reply_after_its_days_is_said_to_be_late_to_both_and_taken_until_publication(world, sign_in):
    leader, worker, row = sign_in("grid_leader"), sign_in("grid_worker"), assess(world)[0]
    services.review(assessment_id=row.pk, by=world.people["grid_leader"])
    in_time = worker.get("/assessments/mine/").text
    assert "有 1 个月等你答复" in in_time
    assert "公布前仍可答复" not in in_time
    Assessment.objects.filter(pk=row.pk).update(reviewed_at=timezone.now() - timedelta(days=8))
    mine, own = worker.get("/assessments/mine/").text, worker.get(f"/assessments/{row.pk}/").text
    assert "等你答复" not in mine
    assert "有 1 个月答复期已过，网格长可随时公布；公布前仍可答复。" in mine
    for page in (mine, own):
        assert re.search(r"答复期已于 \d\d-\d\d \d\d:\d\d 过，公布前仍可答复", page)
        assert "截止" not in page
    assert "公布前他仍可答复" in leader.get(f"/assessments/{row.pk}/").text
    given = {"revision": revision(worker.get(f"/assessments/{row.pk}/")), "reply": "没有意见"}
    assert worker.post(f"/assessments/{row.pk}/reply/", given).status_code == 302
    seen = revision(leader.get(f"/assessments/{row.pk}/"))
    assert leader.post(f"/assessments/{row.pk}/publish/", {"revision": seen}).status_code == 302
    assert worker.post(f"/assessments/{row.pk}/reply/", given).status_code == 409
