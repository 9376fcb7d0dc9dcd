"""Saved views: what may be saved, who sees and keeps what, and that their counts cost two statements."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from dispatch import queue_query, saved_views
from dispatch.models import SavedView
from gridgov.common import clock
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from tests.statements import counted
from tests.worlds import World

pytestmark = pytest.mark.django_db


def save(world: World, login: str, **more: Any) -> SavedView:
    given = {"desk": "accept", "name": "待受理垃圾", "query": {"status": "reported", "category": "02"}} | more
    return saved_views.save(by=world.actor(login), **given)


def seen(world: World, login: str) -> dict[str, tuple[str, int | None]]:
    return {view.name: (view.kind, view.count) for view in saved_views.views_of(world.actor(login))}


def test_view_is_an_address_that_shows_what_it_counts(world: World, client: Any) -> None:
    for _n in range(2):
        world.report()
    world.report(category="0102")
    world.carry("accepted")
    area = world.areas["620901001"].pk
    save(world, "acceptor", query={"status": "reported", "category": "02", "area": str(area), "scope": ""})
    [view] = saved_views.views_of(world.actor("acceptor"))
    assert view.path == f"queue/accept/?status=reported&area={area}&category=02"
    assert view.count == 2
    client.force_login(world.people["acceptor"])
    page = client.get(f"/{view.path}")
    assert page.status_code == 200
    assert page.context["count"] == view.count


@pytest.mark.parametrize("desk", ["accept", "file", "dispatch", "verify", "supervise"])
@pytest.mark.parametrize("query", [{}, {"scope": "below"}, {"overdue": "1"}, {"category": "0201"}])
def test_count_is_that_of_the_queue_at_every_desk(world: World, client: Any, desk: str, query: dict[str, str]) -> None:
    login = {"accept": "acceptor", "file": "duty_chief", "dispatch": "dispatcher", "verify": "verifier"}
    login = login.get(desk, "supervisor")
    for status in ("accepted", "filed", "handling", "handled"):
        world.carry(status)
    world.report()
    world.report(by="acceptor_b", grid="620902001001001")
    world.report(category="0203", by="acceptor_street")
    number = world.carry("handled")
    world.perform(number, "request_verification", "acceptor")
    save(world, login, desk=desk, query=query)
    [view] = saved_views.views_of(world.actor(login))
    client.force_login(world.people[login])
    assert client.get(f"/{view.path}").context["count"] == view.count


def test_all_counts_take_two_statements(world: World, settings: Any) -> None:
    settings.REFERENCE_CHECK_SECONDS = 3600
    by = world.actor("acceptor")
    save(world, "acceptor", name="视图")
    saved_views.views_of(by)  # what the process keeps is loaded
    found = []
    for count in (1, 3, 12):
        while SavedView.objects.count() < count:
            save(world, "acceptor", name=f"视图{SavedView.objects.count()}")
        with counted() as statements:
            assert len(saved_views.views_of(by)) == count
        found.append(len(statements))
    assert found == [2, 2, 2]
    with counted() as statements:
        saved_views.views_of(by, counted=False)
    assert len(statements) == 1


def test_own_view_is_its_owners_alone(world: World) -> None:
    view = save(world, "acceptor")
    assert list(seen(world, "acceptor")) == ["待受理垃圾"]
    assert seen(world, "acceptor_2") == {}
    for call in (
        lambda: saved_views.delete(by=world.actor("acceptor_2"), view_id=view.pk),
        lambda: save(world, "acceptor_2", view_id=view.pk),
        lambda: saved_views.delete(by=world.actor("acceptor"), view_id=view.pk + 1000),
    ):
        with pytest.raises(NotFound):
            call()
    renamed = save(world, "acceptor", view_id=view.pk, name="改名", position=3)
    assert (renamed.pk, renamed.name, renamed.position) == (view.pk, "改名", 3)
    saved_views.delete(by=world.actor("acceptor"), view_id=view.pk)
    assert not SavedView.objects.exists()


def test_sharing_in_threes(world: World) -> None:
    here = world.areas["620901"].pk
    for login in ("acceptor", "duty_chief_b"):
        with pytest.raises(NotPermitted) as refused:
            save(world, login, area_id=here)
        assert refused.value.missing == "supervise"
    view = save(world, "duty_chief", area_id=here, name="本区紧急", query={"overdue": "1"})
    assert seen(world, "acceptor")["本区紧急"] == ("shared", 0)
    assert "本区紧急" in seen(world, "acceptor_street")
    assert seen(world, "acceptor_b") == {}
    assert seen(world, "dispatcher") == {}, "not a desk of his"
    with pytest.raises(NotFound):
        saved_views.delete(by=world.actor("acceptor"), view_id=view.pk)
    [shown] = saved_views.views_of(world.actor("acceptor"))
    assert not shown.may_delete
    saved_views.delete(by=world.actor("duty_chief"), view_id=view.pk)


def test_default_of_a_role_is_set_by_who_manages_rules(world: World) -> None:
    root = world.root.pk
    with pytest.raises(NotPermitted) as refused:
        save(world, "duty_chief_city", area_id=root, role="acceptor")
    assert refused.value.missing == "manage_rules"
    save(world, "system_admin", area_id=root, role="acceptor", name="默认")
    assert seen(world, "acceptor") == {"默认": ("role", 0)}
    assert seen(world, "duty_chief") == {}
    with pytest.raises(FieldError):
        save(world, "system_admin", area_id=root, role="emperor")
    with pytest.raises(FieldError):
        save(world, "acceptor", role="acceptor")


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("desk", {"desk": "approve"}), ("desk", {"desk": 7}), ("name", {"name": " "}), ("name", {"name": "长" * 41}),
        ("query", {"query": "status=reported"}), ("query.after", {"query": {"after": "x"}}),
        ("query.status", {"query": {"status": "filed"}}), ("query.area", {"query": {"area": "999999"}}),
        ("query.area", {"query": {"area": "九"}}), ("query.category", {"query": {"category": "none"}}),
        ("query.overdue", {"query": {"overdue": "yes"}}), ("query.scope", {"query": {"scope": "all"}}),
        ("query.status", {"query": {"status": ["reported"]}}), ("position", {"position": -1}), ("area", {"area_id": 0}),
    ],
)  # fmt: skip
def test_bad_view_names_its_field(world: World, field: str, given: dict[str, Any]) -> None:
    with pytest.raises(FieldError) as refused:
        save(world, "acceptor", **given)
    assert refused.value.field == field
    assert not SavedView.objects.exists()


def test_no_desk_no_view_and_no_name_twice(world: World) -> None:
    with pytest.raises(NotPermitted) as refused:
        save(world, "dispatcher")
    assert refused.value.missing == "accept"
    save(world, "acceptor")
    with pytest.raises(Conflict) as taken:
        save(world, "acceptor")
    assert taken.value.code == "name_taken"
    save(world, "acceptor_2")


def test_what_means_nothing_any_more_counts_nothing(world: World) -> None:
    world.report()
    view = save(world, "acceptor")
    SavedView.objects.filter(pk=view.pk).update(query={"category": "gone"})
    assert seen(world, "acceptor") == {"待受理垃圾": ("own", 0)}


def test_view_has_one_keeper(world: World) -> None:
    row = {"desk": "accept", "name": "x", "saved_by": world.people["acceptor"], "saved_at": clock.now()}
    for keeper in ({}, {"owner": world.people["acceptor"], "area": world.root}, {"role": "acceptor"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            SavedView.objects.create(**row, **keeper)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({}, ["waste", "lamp"]),
        ({"category": "02"}, ["waste"]),
        ({"category": "0102"}, ["lamp"]),
        ({"status": "closed"}, []),
        ({"scope": "below"}, ["waste", "lamp"]),
        ({"component": "K1"}, []),
        # what means nothing any more is no case, not every case
        ({"category": "gone"}, []),
        ({"area": "999999"}, []),
        ({"status": "handling"}, []),
        ({"component": "a b"}, []),
    ],
)
def test_view_counts_what_its_page_shows(world: World, query: dict[str, str], shown: list[str]) -> None:
    made = {world.report(): "waste", world.report(category="0102"): "lamp"}
    row = {"desk": "accept", "owner": world.people["acceptor"], "saved_by": world.people["acceptor"]}
    SavedView.objects.create(name="x", query=query, saved_at=clock.now(), **row)
    client = Client()
    client.force_login(world.people["acceptor"])
    page = client.get("/queue/accept/", query)
    found = [made[row.number] for _name, rows in page.context["groups"] for row in rows]
    assert sorted(found) == sorted(shown)
    assert seen(world, "acceptor")["x"] == ("own", len(shown))


def test_every_parameter_can_be_saved(world: World) -> None:
    """What the page can filter by is no reason to refuse the view that somebody makes of it."""
    area = str(world.areas["620901001"].pk)
    given = dict(zip(queue_query.PARAMETERS, ("below", "reported", area, "0201", "K1", "1", "1"), strict=True))
    saved = saved_views.save(by=world.actor("acceptor"), desk="accept", name="全部条件", query=given)
    assert saved.query == given
