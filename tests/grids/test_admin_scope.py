"""Whoever administers a district sees its rows in the admin, and no others."""

import pytest
from django.contrib import admin
from django.urls import reverse

from dispatch.models import CannedText, RoutingRule
from gridgov.admin_access import PAGES
from gridgov.common import clock
from gridgov.common.models import User
from grids import services as grid_services
from grids.admin_scope import ScopedAdmin, held_areas, within
from grids.capabilities import Capability as Cap
from grids.models import Area, Component, Place, ServiceZone
from incidents.models import Category
from personnel import services
from personnel.models import Posting

MODELS = [
    ("grids", "area"), ("grids", "component"), ("grids", "place"), ("personnel", "department"),
    ("personnel", "posting"), ("personnel", "worker"), ("dispatch", "routingrule"), ("grids", "areamembership"),
]  # fmt: skip


@pytest.fixture
def rows(world) -> dict[tuple[str, str], tuple[int, int]]:
    """A row in 甲区 and one in 乙区 of each model."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    ends = [world.areas["620901001001001"], world.areas["620902001001001"]]
    found["grids", "area"] = (ends[0].pk, ends[1].pk)
    given = {"root": world.root, "lon": 103.6, "lat": 36.05}
    found["grids", "component"] = tuple(
        Component.objects.create(code=f"C{i}", type_code="0101", area=end, **given).pk for i, end in enumerate(ends)
    )
    found["grids", "place"] = tuple(
        Place.objects.create(code=f"P{i}", kind="shop", name="店", area=end, **given).pk for i, end in enumerate(ends)
    )
    teams = [
        services.save_department(root=world.root, code=f"T{i}", name=f"队{i}", kind="team", area=end)
        for i, end in enumerate(ends)
    ]
    found["personnel", "department"] = tuple(team.pk for team in teams)
    lead = world.departments["CG"]
    waste = Category.objects.get(code="0201")
    found["dispatch", "routingrule"] = tuple(
        RoutingRule.objects.create(area=end, category=waste, lead=lead).pk for end in ends
    )
    postings = [Posting.objects.get(worker__user__username=login) for login in ("grid_worker", "grid_worker_b")]
    found["personnel", "posting"] = tuple(posting.pk for posting in postings)
    found["personnel", "worker"] = tuple(posting.worker_id for posting in postings)
    memberships = [posting.worker.user.area_memberships.get() for posting in postings]
    found["grids", "areamembership"] = tuple(membership.pk for membership in memberships)
    return found


@pytest.fixture
def of_second(world, client):
    """The administrator of 乙区 alone, signed in."""
    services.post(
        worker=world.workers["nobody"], role="system_admin", area=world.areas["620902"],
        starts_on=clock.local_date(clock.now()),
    )  # fmt: skip
    client.force_login(User.objects.get(username="nobody"))
    return client


@pytest.mark.parametrize(("app", "model"), MODELS)
def test_rows_of_another_district_are_not_there(rows, of_second, app, model):
    theirs, own = rows[app, model]
    page = of_second.get(reverse(f"admin:{app}_{model}_changelist"))
    assert page.status_code == 200
    shown = {row.pk for row in page.context["cl"].queryset}
    assert own in shown
    assert theirs not in shown
    assert of_second.get(reverse(f"admin:{app}_{model}_change", args=[own])).status_code == 200
    assert of_second.get(reverse(f"admin:{app}_{model}_change", args=[theirs])).status_code == 404
    # what nobody changes is refused before it is looked for
    refused = 403 if model == "areamembership" else 404
    assert of_second.post(reverse(f"admin:{app}_{model}_change", args=[theirs]), {}).status_code == refused
    assert of_second.get(reverse(f"admin:{app}_{model}_history", args=[theirs])).status_code == 404


@pytest.mark.parametrize(("app", "model"), MODELS)
def test_the_citys_administrator_sees_both(rows, world, client, app, model):
    client.force_login(world.people["system_admin"])
    shown = {row.pk for row in client.get(reverse(f"admin:{app}_{model}_changelist")).context["cl"].queryset}
    assert set(rows[app, model]) <= shown


@pytest.mark.parametrize("model", ["servicezone", "codepattern"])
def test_what_belongs_to_a_city_is_for_who_holds_the_city(world, of_second, client, model):
    zone = ServiceZone(root=world.root, code="Z", name="所", kind="police")
    grid_services.save_zone(zone=zone, members=[world.areas["620902"].pk])
    grid_services.set_code_patterns(root=world.root, patterns={5: r"\d+"})
    url = reverse(f"admin:grids_{model}_changelist")
    assert len(of_second.get(url).context["cl"].queryset) == 0
    client.force_login(world.people["system_admin"])
    assert len(client.get(url).context["cl"].queryset) == 1


def test_choices_of_a_form_are_what_the_person_administers(rows, of_second, world):
    asked = {"app_label": "personnel", "model_name": "posting", "field_name": "area", "term": "网格"}
    codes = {one["text"] for one in of_second.get(reverse("admin:autocomplete"), asked).json()["results"]}
    assert codes
    assert all("乙区" in text for text in codes)
    # what is chosen past the form's list is refused
    answer = of_second.post(
        reverse("admin:personnel_department_add"),
        {"root": world.root.pk, "code": "X", "name": "队", "kind": "team", "area": rows["grids", "area"][0]},
    )
    assert answer.status_code == 200
    assert "area" in answer.context["adminform"].form.errors


def test_a_component_outside_the_district_is_refused_at_its_field(of_second, world):
    lon, lat = world.point("620901001001001")
    given = {"root": world.root.pk, "code": "N1", "type_code": "0101", "state": "intact", "attributes": "{}"}
    url = reverse("admin:grids_component_add")
    answer = of_second.post(url, given | {"lon": lon, "lat": lat})
    assert "该位置不在你负责的区域内" in answer.text
    lon, lat = world.point("620902001001001")
    assert of_second.post(url, given | {"lon": lon, "lat": lat}).status_code == 302
    assert Component.objects.get(code="N1").area.code == "620902001001001"


def test_the_security_administrator_chooses_areas_without_their_pages(world, client):
    client.force_login(world.people["security_admin"])
    asked = {"app_label": "personnel", "model_name": "posting", "field_name": "area", "term": "甲区"}
    assert client.get(reverse("admin:autocomplete"), asked).json()["results"]
    assert client.get(reverse("admin:grids_area_changelist")).status_code == 403
    client.force_login(world.people["audit_admin"])
    assert client.get(reverse("admin:autocomplete"), asked).status_code == 403


def test_texts_that_all_areas_share_are_seen_by_every_administrator(world, of_second):
    for place in (None, world.areas["620901"], world.areas["620902"]):
        CannedText.objects.create(
            stage="accept", title=f"文{place and place.code}", text="t", area=place, saved_at=clock.now()
        )
    shown = {row.title for row in of_second.get(reverse("admin:dispatch_cannedtext_changelist")).context["cl"].queryset}
    assert shown == {"文None", "文620902"}


def test_scopes_are_of_the_capabilities_that_open_the_pages(world):
    for model, page in admin.site._registry.items():
        if isinstance(page, ScopedAdmin):
            label = model._meta.label_lower
            assert page.capabilities == (PAGES.get(label) or PAGES[f"{model._meta.app_label}.*"]), label


def test_a_superuser_is_not_scoped_and_nobody_holds_nothing(world):
    root = User(is_superuser=True)
    assert held_areas(root, [Cap.MANAGE_RULES]) is None
    assert Area.objects.filter(within(world.people["nobody"], [Cap.MANAGE_RULES])).count() == 0
    assert Area.objects.filter(within(world.people["duty_chief"], [Cap.MANAGE_RULES])).count() == 0
