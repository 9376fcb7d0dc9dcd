"""The admin saves through the services and shows boundaries to nobody."""

import pytest
from django.apps import apps
from django.urls import reverse

from gridgov.common import read_only, reference
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
    assert AuditEntry.objects.get(action="area.change").detail["changes"] == {
        "name": ["110101001", "新街道"], "kind": ["", "urban"],
    }  # fmt: skip


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


# --- what the admin writes stands in the audit trail --------------------------------------------------------------


def told(action):
    entry = AuditEntry.objects.get(action=action)
    assert entry.actor is not None
    assert entry.address == "127.0.0.1"
    return entry.detail


POINT = {"lon": "104.005", "lat": "36.005"}
COMPONENT = {"code": "C1", "type_code": "0101", "name": "井盖", "state": "intact", "address": "", "attributes": "{}"}
WRITTEN = [
    ("component", COMPONENT, {"name": "雨水井盖", "state": "damaged"}, {
        "name": ["井盖", "雨水井盖"], "state": ["intact", "damaged"],
    }),
    ("place", {"code": "P1", "kind": "shop", "name": "店", "phone": "123"}, {"name": "新店", "phone": "456"}, {
        "name": ["店", "新店"], "phone": ["…", "…"],
    }),
    ("codepattern", {"level": "0", "pattern": "A.*"}, {"pattern": "B.*"}, {"pattern": ["A.*", "B.*"]}),
]  # fmt: skip


@pytest.mark.parametrize(("model", "given", "other", "changes"), WRITTEN)
def test_created_changed_and_deleted_stand_in_the_trail(admin_client, city, model, given, other, changes):
    kind = {"codepattern": "pattern"}.get(model, model)
    save_category(code="C01", name="公用设施", kind="component")
    save_category(code="C0101", name="井盖", kind="component", parent="C01")
    rows = apps.get_model("grids", model).objects
    rows.all().delete()
    given = {"root": city.pk, **POINT, **given}
    assert admin_client.post(reverse(f"admin:grids_{model}_add"), given).status_code == 302
    row = rows.get()
    called = "pattern" if model == "codepattern" else "code"
    assert told(f"{kind}.create")[called] == given[called]
    url = reverse(f"admin:grids_{model}_change", args=[row.pk])
    assert admin_client.post(url, given).status_code == 302
    assert not AuditEntry.objects.filter(action=f"{kind}.change").exists(), "nothing was changed"
    assert admin_client.post(url, given | other).status_code == 302
    assert told(f"{kind}.change")["changes"] == changes
    url = reverse(f"admin:grids_{model}_delete", args=[row.pk])
    assert 'name="reason"' in admin_client.get(url).text
    for reason in ("", "  ", "长" * 201):
        assert admin_client.post(url, {"post": "yes", "reason": reason}).url == url
        assert rows.exists()
    assert admin_client.post(url, {"post": "yes", "reason": "重复登记"}).status_code == 302
    assert told(f"{kind}.delete")["reason"] == "重复登记"
    assert not rows.exists()


@pytest.mark.parametrize("model", ["component", "place", "codepattern", "servicezone"])
def test_many_at_once_are_not_deleted_without_a_reason(admin_client, model):
    page = admin_client.get(reverse(f"admin:grids_{model}_changelist"))
    assert "delete_selected" not in page.text


def test_zone_says_what_changed_and_why_it_is_gone(admin_client, city):
    data = {"root": city.pk, "code": "Z", "name": "所", "kind": "police", "areas": [area("110101001").pk]}
    admin_client.post(reverse("admin:grids_servicezone_add"), data)
    zone = ServiceZone.objects.get()
    url = reverse("admin:grids_servicezone_change", args=[zone.pk])
    admin_client.post(url, data | {"name": "分所", "areas": [area("110101002").pk]})
    entry = AuditEntry.objects.filter(action="zone.save").latest("id")
    assert entry.detail["changes"] == {"name": ["所", "分所"], "areas": [["110101001"], ["110101002"]]}
    url = reverse("admin:grids_servicezone_delete", args=[zone.pk])
    assert admin_client.post(url, {"post": "yes", "reason": "撤并"}).status_code == 302
    assert told("zone.delete") == {"code": "Z", "name": "分所", "reason": "撤并"}
    assert areas.zones_of(area("110101002001001").pk) == set()


# --- the list of areas --------------------------------------------------------------------------------------------


def listed(client, **query):
    page = client.get(reverse("admin:grids_area_changelist"), query)
    assert page.status_code == 200
    return page.context["cl"]


def test_areas_are_counted_whole_however_many(admin_client, monkeypatch):
    monkeypatch.setattr(read_only, "COUNTED_AT_MOST", 5)
    assert listed(admin_client).result_count == Area.objects.count() > 5


def test_list_that_is_cut_says_so(admin_client, city, monkeypatch):
    url = reverse("admin:grids_place_changelist")
    for number in range(4):
        Place.objects.create(root=city, code=f"P{number}", kind="shop", name="店", lon=104.005, lat=36.005, area=city)
    monkeypatch.setattr(read_only, "COUNTED_AT_MOST", 4)
    assert "只列出前" not in admin_client.get(url).text
    monkeypatch.setattr(read_only, "COUNTED_AT_MOST", 3)
    page = admin_client.get(url)
    assert "只列出前 3 条" in page.text
    assert page.context["cl"].result_count == 3


def test_area_is_found_by_the_name_that_is_shown(admin_client):
    street = area("110101001")
    Area.objects.filter(pk=street.pk).update(name="河口街道")
    reference.forget()
    shown = areas.full_name(street.pk)
    assert shown == "110101河口街道"
    assert [row.pk for row in listed(admin_client, q=shown).queryset] == [street.pk]
    assert street.pk in {row.pk for row in listed(admin_client, q=street.code).queryset}
    assert not listed(admin_client, q="没有这个地方").queryset.exists()


def test_areas_of_a_district_are_filtered_together(admin_client, city):
    make_city("220100", "220101", lon=110.0)
    district = area("220101", "220100")
    found = listed(admin_client, district=district.pk).queryset
    assert {row.root_id for row in found} == {district.root_id}
    assert found.count() == Area.objects.filter(path__startswith=district.path).count()
    for nonsense in ("x", "0", "99999999999999999999"):
        assert admin_client.get(reverse("admin:grids_area_changelist"), {"district": nonsense}).status_code == 200


# --- types of components ---------------------------------------------------------------------------------------


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
