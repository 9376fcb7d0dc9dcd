"""Loading areas from files: what is read, refused, changed, and that a refusal writes nothing."""

import gzip
import json
from io import StringIO
from pathlib import Path

import pytest
import shapely
from django.core.management import CommandError, call_command

from gridgov.common.coordinates import from_wgs84
from gridgov.common.errors import Conflict, FieldError, FieldErrors
from gridgov.common.models import AuditEntry
from grids import importers, services
from grids.geometry import from_wkb
from grids.models import Area, CodePattern, Component, IndexRevision, Level
from grids.sources import Columns, converter, read_features
from grids.spatial import areas
from tests.grids.cities import area, features, load, make_city, square

pytestmark = pytest.mark.django_db

SQUARES = {"1": square(104, 36), "2": square(104.01, 36)}


def geojson(path: Path, shapes: dict[str, shapely.Geometry], **properties: object) -> Path:
    members = [
        {
            "type": "Feature",
            "properties": {"code": code, "name": f"区{code}"} | properties,
            "geometry": shapely.geometry.mapping(shape),
        }
        for code, shape in shapes.items()
    ]
    text = json.dumps({"type": "FeatureCollection", "features": members}, ensure_ascii=False)
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def csv(path: Path, shapes: dict[str, shapely.Geometry], encoding: str = "utf-8") -> Path:
    lines = ["编码,名称,wkt"] + [f'{code},{code}号社区,"{shape.wkt}"' for code, shape in shapes.items()]
    path.write_bytes("\r\n".join(lines).encode(encoding))
    return path


def run(path: Path, *options: str, level: str = "district") -> str:
    out = StringIO()
    call_command("load_areas", str(path), "--root", "t", "--level", level, *options, stdout=out, no_color=True)
    return out.getvalue()


def nothing_written() -> bool:
    return not Area.objects.exists() and not IndexRevision.objects.filter(value__gt=0).exists()


# --- what is read ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.geojson", "a.json", "a.geojson.gz"])
def test_geojson_is_loaded_and_makes_the_city(tmp_path, name):
    out = run(geojson(tmp_path / name, SQUARES), "--root-name", "试市")
    assert "新增 2" in out
    city = Area.objects.get(code="t")
    assert (city.name, city.level, city.parent, city.root, city.path) == ("试市", 1, None, city, f"/{city.pk}/")
    assert from_wkb([city.boundary])[0].equals(shapely.union_all(list(SQUARES.values())))
    one = area("1", "t")
    assert (one.name, one.parent, one.path) == ("区1", city, f"/{city.pk}/{one.pk}/")
    assert (one.min_lon, one.min_lat, one.max_lon, one.max_lat) == pytest.approx((104, 36, 104.01, 36.01))
    assert one.area_m2 == pytest.approx(1.0e6, rel=0.01)
    assert one.revision == IndexRevision.objects.get().value == 1
    assert AuditEntry.objects.get(action="area.load").detail == {
        "level": 2, "revision": 1, "added": 2, "changed": 0, "ended": 0, "unchanged": 0,
    }  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_csv_is_read_in_utf8_and_gbk(tmp_path, encoding):
    run(csv(tmp_path / "a.csv", SQUARES, encoding), "--code-field", "编码", "--name-field", "名称")
    assert area("2", "t").name == "2号社区"


@pytest.mark.parametrize("crs", ["gcj02", "bd09"])
def test_other_datum_is_converted(tmp_path, crs):
    moved = {code: shapely.transform(shape, lambda at: [from_wgs84(*p, crs) for p in at]) for code, shape in
             SQUARES.items()}  # fmt: skip
    run(geojson(tmp_path / "a.geojson", moved), "--crs", crs)
    boundary = from_wkb([area("1", "t").boundary])[0]
    assert boundary.hausdorff_distance(SQUARES["1"]) < 1e-6  # 0.1 m
    # neighbours still share their vertices exactly
    assert shapely.coverage_is_valid(from_wkb([area(code, "t").boundary for code in SQUARES]))


def test_kind_column_is_kept_when_a_later_file_has_none(tmp_path):
    run(geojson(tmp_path / "a.geojson", SQUARES, kind="rural"), "--kind-field", "kind")
    run(geojson(tmp_path / "b.geojson", SQUARES))
    assert area("1", "t").kind == "rural"


# --- parents -----------------------------------------------------------------------------------------------------


def test_parents_by_column(tmp_path):
    run(geojson(tmp_path / "a.geojson", SQUARES))
    run(geojson(tmp_path / "b.geojson", {"11": square(104, 36)}, up="1"), "--parent-field", "up", level="street")
    assert area("11", "t").parent == area("1", "t")


def test_parents_by_largest_overlap(tmp_path):
    run(geojson(tmp_path / "a.geojson", SQUARES))
    straddling = shapely.box(104.004, 36, 104.015, 36.01)  # 0.006 of the first, 0.005 of the second
    out = run(geojson(tmp_path / "b.geojson", {"x": straddling}), level="street")
    assert area("x", "t").parent == area("1", "t")
    assert "outside_parent: x / 1" in out


def test_parents_skip_a_missing_level(tmp_path):
    make_city("t", skip=(Level.STREET, Level.COMMUNITY))
    assert area("110101001001001", "t").parent == area("110101", "t")


def test_later_level_between_adopts_when_the_lower_is_loaded_again():
    make_city("t", skip=(Level.COMMUNITY,))
    grid = area("110101001001001", "t")
    assert grid.parent.level == Level.STREET
    column = {f"11010100100{i}": square(104 + (i - 1) * 0.01, 36, 1, 2) for i in (1, 2)}
    load("t", Level.COMMUNITY, features(list(column), list(column.values())))
    grids = Area.objects.filter(root__code="t", level=Level.GRID, code__startswith="110101001")
    plan = load("t", Level.GRID, features([g.code for g in grids], from_wkb([g.boundary for g in grids])))
    assert {a.changes for a in plan.changed} == {("parent",)}
    grid.refresh_from_db()
    assert grid.parent.code == "110101001001"
    assert grid.path == f"{grid.parent.path}{grid.pk}/"


# --- differences -------------------------------------------------------------------------------------------------


def test_repeated_load_changes_nothing(tmp_path):
    path = geojson(tmp_path / "a.geojson", SQUARES)
    run(path)
    assert "没有变化" in run(path)
    assert IndexRevision.objects.get().value == 1


def test_dry_run_shows_and_writes_nothing(tmp_path):
    out = run(geojson(tmp_path / "a.geojson", SQUARES), "--dry-run")
    assert "新增 2" in out
    assert nothing_written()


def test_changed_name_and_boundary_keep_the_id(tmp_path):
    run(geojson(tmp_path / "a.geojson", SQUARES))
    before = area("1", "t").pk
    taller = {"1": square(104, 36, 1, 2), "2": SQUARES["2"]}
    out = run(geojson(tmp_path / "b.geojson", taller, name="新名"))
    assert "变更 2" in out
    assert "~ 1 新名 name boundary" in out
    assert area("1", "t").pk == before
    assert area("1", "t").max_lat == pytest.approx(36.02)
    assert Area.objects.get(code="t").max_lat == pytest.approx(36.02)  # the union follows
    assert areas.locate(104.005, 36.015).area_id == before


def test_missing_areas_stay_unless_replaced_and_come_back_as_the_same_row(tmp_path):
    both, one = geojson(tmp_path / "a.geojson", SQUARES), geojson(tmp_path / "b.geojson", {"1": SQUARES["1"]})
    run(both)
    two = area("2", "t").pk
    assert "没有变化" in run(one)
    assert "停用 1" in run(one, "--replace")
    assert area("2", "t").valid_to is not None
    assert areas.locate(104.015, 36.005) is None
    assert Area.objects.get(code="t").max_lon == pytest.approx(104.01)
    assert "valid_to" in run(both)
    assert area("2", "t").pk == two
    assert areas.locate(104.015, 36.005).area_id == two


def test_children_of_an_ended_area_go_to_the_one_that_covers_them():
    make_city("t")
    codes = ["110101009", "110101002"]
    plan = load("t", Level.STREET, features(codes, [square(104, 36, 2, 2), square(104.02, 36, 2, 2)]), replace=True)
    assert [ended.code for ended in plan.ended] == ["110101001"]
    grid, community = area("110101001001001", "t"), area("110101001001", "t")
    assert community.parent.code == "110101009"
    assert grid.path == f"{community.path}{grid.pk}/"
    assert areas.get(areas.locate(104.005, 36.005).chain[2]).code == "110101009"


def test_ending_an_area_whose_children_nobody_covers_is_refused():
    make_city("t")
    found = features(["110101002"], [square(104.02, 36, 2, 2)])
    plan = importers.plan_load(root="t", level=Level.STREET, features=found, parents_given=False, replace=True)
    assert {(f.kind, f.codes) for f in plan.errors} == {
        ("orphan", ("110101001001",)), ("orphan", ("110101001002",)),
    }  # fmt: skip


def test_components_are_placed_again_when_areas_change(tmp_path):
    run(geojson(tmp_path / "a.geojson", {"1": square(104, 36, 2, 1)}))
    lamp = Component.objects.create(
        root=Area.objects.get(code="t"), code="1", type_code="1", lon=104.015, lat=36.005, area=area("1", "t")
    )
    out = run(geojson(tmp_path / "b.geojson", SQUARES))
    assert "重新定位场所和部件 1 个" in out
    lamp.refresh_from_db()
    assert lamp.area == area("2", "t")


def test_areas_changed_meanwhile_are_a_conflict():
    make_city("t")
    plan = importers.plan_load(
        root="t", level=Level.DISTRICT, features=features(["110109"], [square(105, 36)]), parents_given=False
    )
    services.change_area(area=area("110101", "t"), name="别名")
    with pytest.raises(Conflict):
        importers.commit(plan)
    assert not Area.objects.filter(code="110109").exists()


# --- refusals: nothing is written --------------------------------------------------------------------------------

BOW = shapely.Polygon([(104, 36), (104.01, 36.01), (104.01, 36), (104, 36.01)])


@pytest.mark.parametrize(
    ("shapes", "kind"),
    [
        ({"1": SQUARES["1"], "2": BOW}, "invalid_ring"),
        ({"1": SQUARES["1"], "2": square(104, 36)}, "overlap"),
        ({"1": shapely.box(36, 104, 36.01, 104.01)}, "invalid_ring"),
    ],
)
def test_topology_error_is_refused_whole(tmp_path, shapes, kind):
    path = geojson(tmp_path / "a.geojson", shapes)
    with pytest.raises(CommandError, match="未写入任何数据"):
        run(path)
    plan = importers.plan_load(
        root="t", level=Level.DISTRICT, features=read_features(path, Columns()), parents_given=False
    )
    assert {finding.kind for finding in plan.errors} == {kind}
    assert nothing_written()


def test_repeated_code_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f'code,name,wkt\n1,a,"{SQUARES["1"].wkt}"\n1,b,"{SQUARES["2"].wkt}"\n')
    with pytest.raises(CommandError):
        run(path)
    assert nothing_written()


@pytest.mark.parametrize("up", ["9", ""])
def test_orphan_is_refused(tmp_path, up):
    run(geojson(tmp_path / "a.geojson", SQUARES))
    with pytest.raises(CommandError):
        run(geojson(tmp_path / "b.geojson", {"11": SQUARES["1"]}, up=up), "--parent-field", "up", level="street")
    assert not Area.objects.filter(code="11").exists()


def test_orphan_by_overlap_is_refused(tmp_path):
    run(geojson(tmp_path / "a.geojson", SQUARES))
    with pytest.raises(CommandError):
        run(geojson(tmp_path / "b.geojson", {"11": square(110, 30)}), level="street")
    assert not Area.objects.filter(code="11").exists()


def test_code_against_the_citys_pattern_is_refused(tmp_path):
    run(geojson(tmp_path / "a.geojson", SQUARES))
    services.set_code_patterns(root=Area.objects.get(code="t"), patterns={Level.STREET: r"^\d{9}$"})
    with pytest.raises(CommandError):
        run(geojson(tmp_path / "b.geojson", {"11": SQUARES["1"]}), level="street")
    with pytest.raises(FieldError) as refused:
        services.set_code_patterns(root=Area.objects.get(code="t"), patterns={Level.GRID: "("})
    assert refused.value.field == "pattern"
    assert CodePattern.objects.count() == 1


def cut(path: Path) -> Path:
    """The file cut in half, as a broken transfer leaves it."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


@pytest.mark.parametrize("name", ["a.geojson", "a.geojson.gz"])
def test_geojson_cut_in_half_is_refused(tmp_path, name):
    with pytest.raises(CommandError, match=r"不完整|不是完整的GeoJSON"):
        run(cut(geojson(tmp_path / name, SQUARES)))
    assert nothing_written()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "FeatureCollection"),
        ('{"type": "FeatureCollection", "features": []}', "FeatureCollection"),
        ('{"features": [{"geometry": null}]}', "第1行 properties"),
        ('{"features": [{"properties": {"code": "1", "name": "x"}, "geometry": null}]}', "未写入任何数据"),
        ('{"features": [{"properties": {"name": "x"}, "geometry": null}]}', "没有编码"),
        ('{"features": [{"properties": {"code": "1", "name": "x"}, "geometry": {"type": "Point"}}]}', "拓扑"),
        ('{"features": [{"properties": {"code": "1"}, "geometry": null}]}', "没有列：name"),
        ("", "不是完整的GeoJSON"),
    ],
)
def test_wrong_geojson_says_what_is_wrong(tmp_path, text, message):
    path = tmp_path / "a.geojson"
    path.write_text(text)
    with pytest.raises(CommandError, match=message):
        run(path)
    assert nothing_written()


def test_wrong_files_say_what_is_wrong(tmp_path):
    with pytest.raises(CommandError, match="找不到文件"):
        run(tmp_path / "none.geojson")
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xff\xfe\x00code")
    with pytest.raises(CommandError, match="编码"):
        run(path)
    path.write_text("code,name\n1,x\n")
    with pytest.raises(CommandError, match="WKT"):
        run(path)
    path.write_text("name,wkt\nx,POINT (1 1)\n")
    with pytest.raises(CommandError, match="缺少列：code"):
        run(path)
    with pytest.raises(CommandError, match="没有列：up"):
        run(csv(path, SQUARES), "--code-field", "编码", "--parent-field", "up")
    with pytest.raises(FieldError, match="坐标系"):
        converter("mars")
    assert nothing_written()


def test_every_bad_row_is_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f'code,name,kind,wkt\n,x,urban,"{SQUARES["1"].wkt}"\n2,{"长" * 121},town,"{SQUARES["2"].wkt}"\n')
    with pytest.raises(FieldErrors) as refused:
        read_features(path, Columns(kind="kind"))
    assert [(e.extra["row"], e.field) for e in refused.value.errors] == [(2, "code"), (3, "name"), (3, "kind")]


def test_city_level_is_not_loaded_from_a_file():
    with pytest.raises(FieldError, match="四级"):
        importers.plan_load(root="t", level=Level.CITY, features=features(["1"], [SQUARES["1"]]), parents_given=False)
