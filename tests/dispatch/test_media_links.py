"""Signed addresses of files: for one person, for minutes, and only as long as he may see the case."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from dispatch import media_links
from gridgov.common.errors import NotFound
from gridgov.common.models import User
from personnel.models import Posting
from personnel.services import end_posting
from tests.worlds import World

pytestmark = pytest.mark.django_db


def photo_of_a_case(world: World) -> str:
    photo = world.photo("acceptor")
    world.report(attachments=(photo,))
    return str(photo)


def test_link_serves_the_file_without_token_or_session(world: World) -> None:
    photo = photo_of_a_case(world)
    made = world.client("supervisor").post(f"/api/v1/attachments/{photo}/link/")
    assert made.status_code == 200
    served = Client().get(made.json()["url"])
    assert (served.status_code, served["Content-Type"]) == (200, "image/jpeg")
    assert served["X-Content-Type-Options"] == "nosniff"
    assert served["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert served["Cache-Control"] == "private, no-store"


def test_link_is_made_for_who_may_see_the_case(world: World) -> None:
    photo = photo_of_a_case(world)
    assert Client().post(f"/api/v1/attachments/{photo}/link/").status_code == 401
    assert world.client("acceptor_b").post(f"/api/v1/attachments/{photo}/link/").status_code == 404


def test_link_ends_with_its_minutes_and_with_the_permission(world: World) -> None:
    photo = photo_of_a_case(world)
    link = media_links.make(attachment_id=photo, by=world.actor("supervisor")).signed
    assert Client().get(f"/files/signed/{link}/").status_code == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        assert Client().get(f"/files/signed/{link}/").status_code == 404
    posting = Posting.objects.get(worker=world.workers["supervisor"])
    yesterday = timezone.localdate() - timedelta(days=1)
    end_posting(posting=posting, ends_on=yesterday, reason="轮岗")
    assert Client().get(f"/files/signed/{link}/").status_code == 404


def test_forged_link_and_a_closed_account_get_nothing(world: World) -> None:
    photo = photo_of_a_case(world)
    link = media_links.make(attachment_id=photo, by=world.actor("supervisor")).signed
    for forged in (link[:-1] + ("A" if link[-1] != "A" else "B"), "x" * 60):
        with pytest.raises(NotFound):
            media_links.read(forged)
    User.objects.filter(username="supervisor").update(is_active=False)
    assert Client().get(f"/files/signed/{link}/").status_code == 404
