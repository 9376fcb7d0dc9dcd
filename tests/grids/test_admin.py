"""The admin saves through the services and shows boundaries to nobody."""

import pytest
from django.urls import reverse

from gridgov.common.models import AuditEntry
from grids.models import Area, AreaMembership, Component, Place, ServiceZone
from grids.spatial import areas
from incidents.catalogue_services import save_category
from tests.grids.cities import area, make_city

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def city() -> Area:
    return make_city()


def test_area_list_does_not_read_boundaries(admin_client, django_assert_max_num_queries):
    areas.index()  # which has them in the process
    with django_assert_max_num_queries(12) as captured:
        page = admin_client.get(reverse("admin:grids_area_changelist"))
    assert page.status_code == 200
    assert not any('"boundary"' in query["sql"] for query in captured)


def test_area_name_is_changed_through_the_service(admin_client):
    street = area("110101001")
    before = areas.revision
    url = reverse("admin:grids_area_change", args=[street.pk])
    page = admin_client.post(url, {"name": "新街道", "kind": "urban", "has_desk": "on", "attribution": ""})
    assert page.status_code == 302
    street.refresh_from_db()
    assert (street.name, street.kind, street.has_desk) == ("新街道", "urban", True)
    assert street.revision == before + 1 == areas.revision
    assert areas.name(street.pk) == "新街道"
    assert AuditEntry.objects.get(action="area.change").detail == {"fields": ["kind", "name"]}


def test_area_cannot_be_added_or_deleted(admin_client):
    assert admin_client.get(reverse("admin:grids_area_add")).status_code == 403
    assert admin_client.get(reverse("admin:grids_area_delete", args=[area("110101001").pk])).status_code == 403


def test_place_finds_its_area_from_its_point(admin_client, city):
    data = {"root": city.pk, "code": "P1", "kind": "shop", "name": "店", "lon": "104.005", "lat": "36.005"}
    url = reverse("admin:grids_place_add")
    assert admin_client.post(url, data).status_code == 302
    assert Place.objects.get().area == area("110101001001001")
    page = admin_client.post(url, data | {"code": "P2", "lon": "36.005", "lat": "104.005"})
    assert "经纬度疑似颠倒" in page.content.decode()
    page = admin_client.post(url, data | {"code": "P2", "lon": "120"})
    assert "坐标不在该城市范围内" in page.content.decode()
    assert Place.objects.count() == 1


def test_zone_is_saved_with_areas_of_its_own_city(admin_client, city):
    other = make_city("220100", "220101", lon=110.0)
    data = {"root": city.pk, "code": "Z", "name": "所", "kind": "police", "areas": [area("110101001").pk]}
    assert admin_client.post(reverse("admin:grids_servicezone_add"), data).status_code == 302
    zone = ServiceZone.objects.get()
    assert areas.zones_of(area("110101001001001").pk) == {zone.pk}
    page = admin_client.post(reverse("admin:grids_servicezone_add"), data | {"code": "Z2", "root": other.pk})
    assert "区域不属于该城市" in page.content.decode()
    assert ServiceZone.objects.count() == 1


@pytest.mark.parametrize("model", ["place", "component", "servicezone", "codepattern", "areamembership"])
def test_lists_open(admin_client, model):
    assert admin_client.get(reverse(f"admin:grids_{model}_changelist")).status_code == 200


def test_memberships_are_read_only(admin_client):
    assert admin_client.get(reverse("admin:grids_areamembership_add")).status_code == 403
    assert not AreaMembership.objects.exists()


def test_component_is_of_a_type_of_the_catalogue(admin_client, city):
    save_category(code="C01", name="公用设施", kind="component")
    save_category(code="C0118", name="路灯", kind="component", parent="C01")
    save_category(code="E01", name="市容环境", kind="event")
    save_category(code="E0101", name="暴露垃圾", kind="event", parent="E01")
    url = reverse("admin:grids_component_add")
    page = admin_client.get(url).text
    assert '<optgroup label="公用设施">' in page
    assert '<option value="0118">0118 路灯</option>' in page
    assert "暴露垃圾" not in page
    data = {"root": city.pk, "code": "L1", "state": "intact", "lon": "104.005", "lat": "36.005", "attributes": "{}"}
    for wrong in ("", "9999", "E0101"):
        answer = admin_client.post(url, data | {"type_code": wrong})
        assert list(answer.context["adminform"].form.errors) == ["type_code"], wrong
    assert "类别目录里没有部件类别“E0101”" in answer.text
    assert admin_client.post(url, data | {"type_code": "0118"}).status_code == 302
    assert Component.objects.get().type_code == "0118"


def test_component_of_a_type_that_came_by_import_keeps_it(admin_client, city):
    given = {"root": city, "code": "L1", "lon": 104.005, "lat": 36.005, "area": area("110101001001001")}
    held = Component.objects.create(type_code="0777", **given)
    url = reverse("admin:grids_component_change", args=[held.pk])
    assert '<option value="0777" selected>0777</option>' in admin_client.get(url).text
    data = {"root": city.pk, "code": "L1", "state": "damaged", "lon": "104.005", "lat": "36.005", "attributes": "{}"}
    assert admin_client.post(url, data | {"type_code": "0778"}).status_code == 200
    assert admin_client.post(url, data | {"type_code": "0777"}).status_code == 302
    assert Component.objects.get().state == "damaged"
