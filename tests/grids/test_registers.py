"""Zones, places and components from CSV: all rows or none, each fault by row and column."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from gridgov.common.coordinates import from_wgs84
from gridgov.common.errors import FieldError, FieldErrors
from grids import registers, services
from grids.models import Area, CodePattern, Component, Place, ServiceZone
from grids.spatial import areas
from tests.grids.cities import area, make_city

pytestmark = pytest.mark.django_db

GRID = "110101001001001"


@pytest.fixture(autouse=True)
def city() -> Area:
    return make_city()


@pytest.fixture
def file(tmp_path):
    def write(text: str, encoding: str = "utf-8") -> str:
        path: Path = tmp_path / "register.csv"
        path.write_bytes(text.encode(encoding))
        return str(path)

    return write


def run(command: str, path: str, *options: str) -> str:
    out = StringIO()
    call_command(command, path, "--root", "110100", *options, stdout=out, no_color=True)
    return out.getvalue()


COMPONENTS = """code,type_code,name,state,lon,lat,address,owner
1101010101000001,0101,上水井盖,完好,104.005,36.005,某路1号,水务
1101010118000002,0118,路灯,damaged,104.025,36.005,,
"""
PLACES = """code,name,kind,address,lon,lat,organisation,phone
P1,幸福小学,学校,某路2号,104.005,36.005,教育局,010
P2,便民店,shop,,104.035,36.015,,
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_components_are_loaded_with_area_and_printed_codes(file, encoding):
    assert "新增 2" in run("load_components", file(COMPONENTS, encoding))
    cover = Component.objects.get(code="1101010101000001")
    assert (cover.name, cover.state, cover.area) == ("上水井盖", "intact", area(GRID))
    assert cover.attributes == {"owner": "水务"}
    lamp = Component.objects.get(code="1101010118000002")
    assert (lamp.state, lamp.area, lamp.attributes) == ("damaged", area("110101002001001"), {})
    assert lamp.qr_token != cover.qr_token


def test_repeated_load_changes_nothing_and_a_changed_row_keeps_its_printed_codes(file):
    run("load_components", file(COMPONENTS))
    before = Component.objects.get(code="1101010101000001")
    assert "新增 0，变更 0，不变 2" in run("load_components", file(COMPONENTS))
    changed = COMPONENTS.replace("完好", "破损").replace("104.005", "104.015")
    assert "新增 0，变更 1，不变 1" in run("load_components", file(changed))
    after = Component.objects.get(code="1101010101000001")
    assert (after.pk, after.qr_token, after.short_code) == (before.pk, before.qr_token, before.short_code)
    assert (after.state, after.area) == ("damaged", area("110101001002001"))


def test_dry_run_writes_nothing(file):
    assert "试运行" in run("load_components", file(COMPONENTS), "--dry-run")
    assert not Component.objects.exists()


def test_every_bad_row_is_named_and_nothing_is_written(file):
    text = (
        "code,type_code,name,state,lon,lat\n"
        "1101010101000001,0101,好,完好,104.005,36.005\n"  # row 2 is good
        "110101,0101,x,,104.005,36.005\n"  # pattern
        "1101010101000003,,x,,104.005,36.005\n"  # no type
        "1101010101000001,0101,x,,104.005,36.005\n"  # repeated
        "1101010101000005,0101,x,坏了,104.005,36.005\n"  # state
        "1101010101000006,0101,x,,abc,36.005\n"  # not a number
        "1101010101000007,0101,x,,36.005,104.005\n"  # swapped
        "1101010101000008,0101,x,,120,30\n"  # elsewhere
        f"1101010101000009,0101,{'长' * 81},,104.005,36.005\n"
        "1101010101000010,0101,x,,nan,36.005\n"
    )
    with pytest.raises(FieldErrors) as refused:
        registers.plan_components(root="110100", path=file(text))
    assert sorted((e.extra["row"], e.field) for e in refused.value.errors) == [
        (3, "code"), (4, "type_code"), (5, "code"), (6, "state"), (7, "lon"), (8, "lon"), (9, "lon"), (10, "name"),
        (11, "lon"),
    ]  # fmt: skip
    messages = {e.extra["row"]: e.message for e in refused.value.errors}
    assert messages[5] == "第5行 code：与第2行重复"
    assert "疑似颠倒" in messages[8]
    assert "不在该城市" in messages[9]
    with pytest.raises(CommandError, match="未写入任何数据"):
        run("load_components", file(text))
    assert not Component.objects.exists()


def test_component_code_follows_the_citys_pattern(file, city):
    services.set_code_patterns(root=city, patterns={CodePattern.COMPONENT: r"L\d{3}"})
    text = "code,type_code,lon,lat\nL001,0101,104.005,36.005\n"
    run("load_components", file(text))
    assert Component.objects.get().code == "L001"
    with pytest.raises(CommandError, match="编码规则"):
        run("load_components", file(COMPONENTS))


@pytest.mark.parametrize("crs", ["gcj02", "bd09"])
def test_places_in_another_datum(file, crs):
    lon, lat = from_wgs84(104.005, 36.005, crs)
    text = f"code,name,kind,lon,lat\nP1,x,商铺,{lon},{lat}\n"
    run("load_places", file(text), "--crs", crs)
    assert Place.objects.get().lon == pytest.approx(104.005, abs=1e-6)


def test_places_are_loaded_by_kind_or_label(file):
    assert "新增 2" in run("load_places", file(PLACES, "gbk"))
    school, shop = Place.objects.order_by("code")
    assert (school.kind, school.organisation, school.area) == ("school", "教育局", area(GRID))
    assert (shop.kind, shop.area) == ("shop", area("110101002002002"))
    assert "不变 2" in run("load_places", file(PLACES))


def test_zones_are_loaded_with_their_areas(file):
    text = "code,name,kind,areas\nZ1,东所,警务,110101001;110101002001\nZ2,西所,police,110101002002\n"
    assert "新增 2" in run("load_zones", file(text))
    zone = ServiceZone.objects.get(code="Z1")
    assert set(zone.areas.values_list("code", flat=True)) == {"110101001", "110101002001"}
    assert areas.zones_of(area(GRID).pk) == {zone.pk}
    assert "不变 2" in run("load_zones", file(text))
    fewer = text.replace(";110101002001", "")
    assert "变更 1，不变 1" in run("load_zones", file(fewer))
    assert set(zone.areas.values_list("code", flat=True)) == {"110101001"}


def test_zone_with_an_unknown_area_or_kind_is_refused(file):
    with pytest.raises(FieldErrors) as refused:
        registers.plan_zones(root="110100", path=file("code,name,kind,areas\nZ1,x,空军,110101001 999\n"))
    assert sorted(e.field for e in refused.value.errors) == ["areas", "kind"]
    assert not ServiceZone.objects.exists()


def test_zone_names_the_level_where_codes_repeat(file):
    make_city("220200", "220200", lon=110.0)
    path = file("code,name,kind,areas\nZ1,x,警务,220200\n")
    with pytest.raises(FieldErrors, match="层级:编码"):
        registers.plan_zones(root="220200", path=path)
    path = file("code,name,kind,areas\nZ1,x,警务,2:220200\n")
    registers.commit(registers.plan_zones(root="220200", path=path))
    assert ServiceZone.objects.get().areas.get().level == 2


@pytest.mark.parametrize(
    ("text", "field", "message"),
    [
        ("code,name\n", "file", "缺少列：kind、lon、lat"),
        ("code,name,kind,lon,lat\n", "file", "没有数据行"),
        ('code,name,kind,lon,lat\n1,"x', "lon", "不能为空"),
    ],
)
def test_broken_csv_is_refused(file, text, field, message):
    with pytest.raises((FieldError, FieldErrors), match=message):
        registers.plan_places(root="110100", path=file(text))


def test_unknown_city_is_refused(file):
    with pytest.raises(FieldError) as refused:
        registers.plan_places(root="999", path=file(PLACES))
    assert refused.value.field == "root"
