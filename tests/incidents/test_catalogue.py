"""The catalogue: its files, its versions, and which limit holds where."""

import json
import shutil
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from gridgov.common.business_time import Allowance, Unit
from gridgov.common.errors import FieldError, NotPermitted
from gridgov.common.models import AuditEntry, User
from incidents import catalogue_services as services
from incidents.catalogue import StepSpec, catalogue, limit_for
from incidents.catalogue_files import DATA, FILES
from incidents.catalogue_services import LimitInput
from incidents.models import Category, FilingStandard, Ladder, Limit

pytestmark = pytest.mark.django_db


def hours(amount, unit="工作时", **more):
    return LimitInput(clock=more.pop("clock", "handle"), allowance=Allowance.parse(amount, unit), **more)


@pytest.fixture
def small():
    """A ladder, a 大类 with one 小类, and default limits."""
    services.save_ladder(code="normal", name="一般", steps=[StepSpec("warn", "share_left", share=0.25)])
    services.save_default_limits(limits=[hours(5, "工作日"), hours("30分钟", clock="accept")])
    services.save_category(code="E01", name="市容环境", kind="event")
    return services.save_category(code="E0102", name="暴露垃圾", kind="event", parent="E01")


def standard(**more):
    given = {"code": "E0102-1", "category": "E0102", "condition": "有垃圾", "closing_condition": "已清理"}
    return services.save_standard(**given | more)


KEPT = {"C01", "C0102", "E01", "E0101", "E0102", "E04", "E0401"}


@pytest.fixture
def folder(tmp_path):
    """A copy of the files that come with the software, with a few of their rows."""
    copied = Path(shutil.copytree(DATA, tmp_path / "catalogue"))
    for name, field in (("categories.json", "code"), ("standards.json", "category")):
        rewrite(copied / name, lambda rows, field=field: [row for row in rows if row[field] in KEPT])
    return copied


def rewrite(path, change):
    rows = json.loads(path.read_text(encoding="utf-8"))
    kept = change(rows)
    path.write_text(json.dumps(kept if isinstance(kept, list) else rows, ensure_ascii=False), encoding="utf-8")


def counts():
    return tuple(model.objects.count() for model in (Category, FilingStandard, Ladder, Limit, AuditEntry))


# --- which limit holds ----------------------------------------------------------------------------------------


def test_limit_is_the_standards_then_the_categorys_then_its_parents_then_the_default(small):
    filed = standard()
    parent = Category.objects.get(code="E01")

    def minutes(standard_id=None):
        return [limit.minutes for limit in limit_for("handle", small.pk, standard_id)]

    assert minutes(filed.pk) == [5 * 480]
    services.save_category(code="E01", name="市容环境", kind="event", limits=[hours(8)])
    assert minutes(filed.pk) == [480]
    services.save_category(code="E0102", name="暴露垃圾", kind="event", parent="E01", limits=[hours(6)])
    assert minutes(filed.pk) == [360]
    standard(limits=[hours(4)])
    assert minutes(filed.pk) == [240]
    assert minutes() == [360]
    assert [x.minutes for x in limit_for("handle", parent.pk, None)] == [480]
    assert [x.minutes for x in limit_for("accept", small.pk, filed.pk)] == [30]
    assert limit_for("total", small.pk, filed.pk) == ()


def test_milestones_come_in_their_order(small):
    filed = standard(
        limits=[
            hours(4, milestone="stop", label="停工", evidence="通知书"),
            hours(20, "工作日", milestone="demolish", label="拆除", ladder="normal"),
        ]
    )
    found = limit_for("handle", small.pk, filed.pk)
    assert [(x.key, x.label, x.allowance.describe()) for x in found] == [
        ("stop", "停工", "4工作时"),
        ("demolish", "拆除", "20工作日"),
    ]
    assert found[1].as_json()["steps"] == [{"key": "warn", "anchor": "share_left", "share": 0.25, "minutes": None}]


def test_civil_limit_is_counted_not_measured(small):
    filed = standard(limits=[hours(3, "个月")])
    (found,) = limit_for("handle", small.pk, filed.pk)
    assert (found.unit, found.count, found.minutes) == (Unit.CIVIL_MONTHS, 3, 0)
    assert found.allowance == Allowance(Unit.CIVIL_MONTHS, count=3)


# --- versions -------------------------------------------------------------------------------------------------


def test_changed_limit_supersedes_and_keeps_the_old_row(small):
    filed = standard(limits=[hours(4), hours(1, clock="sign")])
    assert filed.version == 1
    filed = standard(limits=[hours(6), hours(1, clock="sign")])
    assert filed.version == 2
    rows = Limit.objects.filter(standard=filed, clock="handle").order_by("version")
    assert [(r.minutes, r.version, r.superseded_at is None) for r in rows] == [(240, 1, False), (360, 2, True)]
    (sign,) = Limit.objects.filter(standard=filed, clock="sign")
    assert (sign.version, sign.superseded_at) == (1, None)
    entry = AuditEntry.objects.filter(action="catalogue.standard").first()
    assert entry.detail == {"code": "E0102-1", "version": 2, "changes": {}, "clocks": ["handle"]}


def test_removed_limit_is_superseded_without_successor(small):
    filed = standard(limits=[hours(4)])
    standard(limits=[])
    assert not Limit.objects.filter(standard=filed, superseded_at__isnull=True).exists()
    assert FilingStandard.objects.get(pk=filed.pk).version == 2


def test_saying_the_same_again_writes_nothing(small):
    given = {"limits": [hours(4)], "system_steps": ["accept", "file"], "law": "条例"}
    standard(**given)
    before = counts()
    assert standard(**given).version == 1
    services.save_ladder(code="normal", name="一般", steps=[StepSpec("warn", "share_left", share=0.25)])
    services.save_category(code="E0102", name="暴露垃圾", kind="event", parent="E01")
    assert counts() == before


def test_changed_catalogue_is_seen_at_once(small):
    standard()
    assert catalogue().standard_by_code("E0102-1").condition == "有垃圾"
    standard(condition="有暴露垃圾")
    assert catalogue().standard_by_code("E0102-1").condition == "有暴露垃圾"
    assert catalogue().category_name(small.pk) == "市容环境／暴露垃圾"


# --- refusals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"category": "E9999"}, "category"),
        ({"category": "E01"}, "category"),
        ({"condition": "长" * 201}, "condition"),
        ({"condition": ""}, "condition"),
        ({"system_steps": ["handle"]}, "system_steps"),
        ({"certainty": "sure"}, "certainty"),
        ({"limits": [hours(4, clock="lunch")]}, "limits"),
        ({"limits": [hours(0)]}, "limits"),
        ({"limits": [hours(4, ladder="nowhere")]}, "limits"),
        ({"limits": [hours(4), hours(8)]}, "limits"),
        ({"limits": [hours(4, milestone="a", label="甲"), hours(8, milestone="a", label="乙")]}, "limits"),
    ],
)
def test_wrong_standard_is_refused_by_field_and_nothing_written(small, change, field):
    before = counts()
    with pytest.raises(FieldError) as caught:
        standard(**change)
    assert caught.value.field == field
    assert counts() == before


def test_standard_does_not_change_its_category(small):
    standard()
    services.save_category(code="E0103", name="渣土", kind="event", parent="E01")
    with pytest.raises(FieldError, match="不能改属"):
        standard(category="E0103")


def test_categories_have_two_levels(small):
    with pytest.raises(FieldError) as caught:
        services.save_category(code="E010201", name="更细", kind="event", parent="E0102")
    assert caught.value.field == "parent"
    with pytest.raises(FieldError) as caught:
        services.save_category(code="C0101", name="井盖", kind="component", parent="E01")
    assert caught.value.field == "kind"


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [StepSpec("a", "at_due"), StepSpec("a", "after_due", minutes=5)],
        [StepSpec("breach", "at_due")],
        [StepSpec("a", "share_left", share=1.5)],
        [StepSpec("a", "share_left")],
        [StepSpec("a", "after_due", share=0.5, minutes=5)],
        [StepSpec("a", "before")],
    ],
)
def test_wrong_ladder_is_refused(small, steps):
    with pytest.raises(FieldError) as caught:
        services.save_ladder(code="normal", name="一般", steps=steps)
    assert caught.value.field == "steps"
    assert catalogue().ladders["normal"] == (StepSpec("warn", "share_left", share=0.25),)


def test_person_without_manage_rules_may_not_save(small):
    person = User.objects.create_user("somebody")
    with pytest.raises(NotPermitted) as caught:
        standard(by=person)
    assert caught.value.missing == "manage_rules"
    assert not FilingStandard.objects.exists()


# --- the files ------------------------------------------------------------------------------------------------


def test_files_load_and_every_reportable_category_has_a_standard_with_a_limit():
    call_command("load_catalogue", verbosity=0)
    held = catalogue()
    for parent in held.categories():
        for category in held.categories(parent.id):
            standards = held.standards_of(category.id)
            assert standards, category.code
            for filed in standards:
                assert held.limit_for("handle", category.id, filed.id), filed.code
                assert filed.source, filed.code
    assert {c.code for c in held.categories()} >= {"C01", "C06", "E01", "E05", "S03", "S04"}


def test_files_give_the_published_limits():
    call_command("load_catalogue", verbosity=0)
    held = catalogue()

    def limits(code, clock="handle"):
        filed = held.standard_by_code(code)
        return [x.allowance.describe() for x in held.limit_for(clock, filed.category_id, filed.id)]

    assert limits("C0102-1") == ["2紧急工作时"]
    assert limits("E0101-1") == ["4工作时", "7工作日", "20工作日"]
    assert limits("E0101-2") == ["15工作日"]
    assert limits("E0102-1") == ["1工作日"]
    assert limits("E0104-1") == ["5工作时"]
    assert limits("C0118-1") == ["1工作日"]
    assert limits("E0510-1") == ["1紧急工作时", "2紧急工作时"]
    assert limits("S0401-1") == ["7日", "3个月"]
    assert limits("S0204-2") == ["1自然日"]
    assert limits("S0202-1", "total") == ["13个工作日"]
    assert limits("E0102-1", "verify") == ["2工作时"]
    assert limits("E0102-1", "check") == ["1自然日"]
    assert limits("E0401-1", "file") == ["5分钟"]
    assert limits("E0102-1", "file") == ["15工作分钟"]


def test_files_flag_what_is_answerable_confidential_and_urgent():
    call_command("load_catalogue", verbosity=0)
    held = catalogue()
    by_code = held.category_by_code
    assert by_code("S0101").is_answerable
    assert not by_code("S0202").is_answerable
    assert by_code("S0302").is_confidential
    assert by_code("S0401").is_confidential
    assert by_code("E0403").is_must_report
    assert held.system_standard(by_code("E0401").id).system_steps == ("accept", "file", "dispatch")
    assert held.system_standard(by_code("C0102").id) is None  # urgent only once a person found it missing
    assert held.standard_by_code("C0102-1").system_steps == ("accept", "file", "dispatch")


def test_loading_twice_changes_nothing(capsys):
    call_command("load_catalogue")
    before = counts()
    call_command("load_catalogue")
    assert counts() == before
    assert "新增或更新0项" in capsys.readouterr().out.splitlines()[-1]
    assert set(FilingStandard.objects.values_list("version", flat=True)) == {1}


def test_changed_row_makes_a_new_version_of_that_row_alone(folder):
    call_command("load_catalogue", dir=folder, verbosity=0)

    def slower(rows):
        row = next(r for r in rows if r["code"] == "E0102-1")
        row["limits"][0] |= {"limit": "4", "unit": "工作时"}

    rewrite(folder / "standards.json", slower)
    call_command("load_catalogue", dir=folder, verbosity=0)
    changed = FilingStandard.objects.exclude(version=1)
    assert [(s.code, s.version) for s in changed] == [("E0102-1", 2)]
    assert [x.minutes for x in limit_for("handle", changed[0].category_id, changed[0].pk)] == [240]


def test_changed_default_limits_are_superseded(folder):
    call_command("load_catalogue", dir=folder, verbosity=0)
    rewrite(folder / "limits.json", lambda rows: rows[0].update(limit="45分钟"))
    call_command("load_catalogue", dir=folder, verbosity=0)
    rows = Limit.objects.filter(clock="accept", standard__isnull=True, category__isnull=True).order_by("version")
    assert [(r.minutes, r.superseded_at is None) for r in rows] == [(30, False), (45, True)]
    assert Limit.objects.filter(clock="sign", standard__isnull=True, category__isnull=True).count() == 1


def test_what_was_changed_by_hand_stays_until_its_row_changes_or_overwrite(folder):
    call_command("load_catalogue", dir=folder, verbosity=0)
    row = catalogue().standard_by_code("E0102-1")
    standard(code="E0102-1", category="E0102", condition="本地条件", closing_condition="x", limits=[hours(3)])
    call_command("load_catalogue", dir=folder, verbosity=0)
    assert catalogue().standard_by_code("E0102-1").condition == "本地条件"
    call_command("load_catalogue", dir=folder, overwrite=True, verbosity=0)
    again = catalogue().standard_by_code("E0102-1")
    assert (again.condition, again.version) == (row.condition, 3)


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("standards.json", lambda r: r[3].update(category="X"), ["standards.json 第4行", "字段 category"]),
        ("standards.json", lambda r: r[0].pop("condition"), ["standards.json 第1行", "字段 condition"]),
        ("standards.json", lambda r: r[1].update(colour="red"), ["standards.json 第2行", "字段 colour"]),
        ("standards.json", lambda r: r[2].update(after_photos="两张"), ["standards.json 第3行", "字段 after_photos"]),
        ("standards.json", lambda r: r[2]["limits"][0].update(unit="时辰"), ["第3行", "字段 limits", "时辰"]),
        ("standards.json", lambda r: r[2]["limits"][0].update(limit="很快"), ["第3行", "字段 limits", "很快"]),
        ("standards.json", lambda r: r.append(r[0]), ["standards.json 第9行", "字段 code", "重复"]),
        ("categories.json", lambda r: r[1].update(parent="X9"), ["categories.json 第2行", "字段 parent"]),
        ("categories.json", lambda r: r[1].update(holder_level="moon"), ["第2行", "字段 holder_level"]),
        ("categories.json", lambda r: r[1].update(urgent="yes"), ["categories.json 第2行", "字段 urgent"]),
        ("categories.json", lambda r: r[1].pop("source"), ["categories.json 第2行", "字段 source"]),
        ("limits.json", lambda r: r[0].update(scope="all"), ["limits.json 第1行", "字段 scope"]),
        ("ladders.json", lambda r: r[0]["steps"][0].update(share=7), ["ladders.json 第1行", "字段 steps"]),
        ("ladders.json", lambda r: r[0]["steps"][0].update(at="noon"), ["ladders.json 第1行", "字段 at"]),
    ],
)
def test_wrong_file_is_refused_by_file_row_and_field_and_nothing_written(folder, file, change, said):
    rewrite(folder / file, change)
    with pytest.raises(CommandError) as caught:
        call_command("load_catalogue", dir=folder, verbosity=0)
    assert all(part in str(caught.value) for part in said), str(caught.value)
    assert counts() == (0, 0, 0, 0, 0)


def test_every_wrong_row_is_named_at_once(folder):
    rewrite(folder / "standards.json", lambda r: (r[0].pop("condition"), r[5].update(category="X")))
    with pytest.raises(CommandError) as caught:
        call_command("load_catalogue", dir=folder, verbosity=0)
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.write_text(path.read_text(encoding="utf-8")[:-9], encoding="utf-8"), "不是有效的JSON"),
        (lambda path: path.write_bytes(path.read_text(encoding="utf-8").encode("gbk")), "不是UTF-8编码"),
        (lambda path: path.write_text("{}", encoding="utf-8"), "须为对象的列表"),
        (lambda path: path.unlink(), "无法读取"),
    ],
)
@pytest.mark.parametrize("name", FILES)
def test_unreadable_file_is_refused(folder, name, spoil, said):
    spoil(folder / name)
    with pytest.raises(CommandError, match=said):
        call_command("load_catalogue", dir=folder, verbosity=0)
    assert counts() == (0, 0, 0, 0, 0)
