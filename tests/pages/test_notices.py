"""A person's notices."""

import pytest

from dispatch.models import Notice
from gridgov.common import clock

pytestmark = pytest.mark.django_db


def tell(world, login, number, text="有一件案件要到期"):
    return Notice.objects.create(
        user=world.people[login], incident=world.case(number), entry_seq=1, topic="step:warn", text=text,
        created_at=clock.now(),
    )  # fmt: skip


def test_notices_are_the_persons_own_and_counted_on_the_bell(world, sign_in):
    number = world.report()
    tell(world, "acceptor", number)
    page = sign_in("acceptor").get("/notices/").text
    assert "有一件案件要到期" in page
    assert "通知，1 条未读" in page
    assert "没有通知" in sign_in("acceptor_2").get("/notices/").text


def test_notice_is_read_by_its_person_alone(world, sign_in):
    number = world.report()
    notice = tell(world, "acceptor", number)
    assert sign_in("acceptor_2").post(f"/notices/{notice.pk}/read/").status_code == 404
    assert sign_in("acceptor").get(f"/notices/{notice.pk}/read/").status_code == 405
    assert sign_in("acceptor").post(f"/notices/{notice.pk}/read/").url == f"/cases/{number}/"
    notice.refresh_from_db()
    assert notice.read_at is not None


def test_all_notices_are_read_at_once(world, sign_in):
    mine, other = tell(world, "acceptor", world.report()), tell(world, "acceptor_2", world.report())
    assert sign_in("acceptor").post("/notices/read/").status_code == 302
    mine.refresh_from_db()
    other.refresh_from_db()
    assert mine.read_at is not None
    assert other.read_at is None
