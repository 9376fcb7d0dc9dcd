"""Which rule wins, what is proposed and why, and how rules are saved."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from dispatch import routing
from dispatch.models import RoutingRule
from dispatch.routing import Asked, Rule, best, rank
from gridgov.common.errors import Conflict, FieldError, NotPermitted
from gridgov.common.models import AuditEntry
from grids.models import ServiceZone
from grids.services import save_zone
from incidents.models import Category, FilingStandard
from personnel.services import save_department

MONDAY_TEN = datetime(2026, 3, 2, 2, tzinfo=UTC)
MONDAY_NIGHT = datetime(2026, 3, 2, 14, tzinfo=UTC)
CASE = Asked(standard_id=7, category_ids=(21, 20), chain=(1, 2, 3, 4, 5), zone_ids=frozenset({9}), is_working=True)


def rule(pk: int = 1, **values: object) -> Rule:
    given = {
        "standard_id": None, "category_id": None, "area_id": 1, "zone_id": None, "calendar_class": "any",
        "lead_id": 100 + pk, "joint_ids": (), "priority": 0, "note": "",
    } | values  # fmt: skip
    return Rule(id=pk, **given)


# --- order (pure) -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"standard_id": 8},
        {"category_id": 22},
        {"area_id": 6},
        {"zone_id": 8},
        {"calendar_class": "resting"},
    ],
)
def test_rule_for_something_else_does_not_fit(values):
    assert rank(rule(**values), CASE) is None
    assert best([rule(**values)], CASE) is None


def test_published_order_of_specificity():
    """Each is beaten by the next, whatever speaks for it further down the list."""
    ladder = [
        rule(2),
        rule(1),
        rule(3, priority=1),
        rule(4, calendar_class="working"),
        rule(5, zone_id=9),
        rule(6, area_id=2),
        rule(7, area_id=5),
        rule(8, category_id=20),
        rule(9, category_id=21),
        rule(10, standard_id=7),
    ]
    ranks = [rank(r, CASE) for r in ladder]
    assert all(lower < higher for lower, higher in pairwise(ranks))
    for position, expected in enumerate(ladder):
        assert best(ladder[: position + 1], CASE) is expected


def test_standard_for_the_whole_city_beats_everything_else_together():
    rest = rule(2, category_id=21, area_id=5, zone_id=9, calendar_class="working", priority=99)
    assert best([rest, rule(3, standard_id=7)], CASE).id == 3


def test_order_of_the_rules_does_not_matter():
    rules = [rule(1, priority=5), rule(2, priority=5), rule(3, priority=4)]
    assert best(rules, CASE).id == best(rules[::-1], CASE).id == 1


# --- proposals ----------------------------------------------------------------------------------------------------


def save(world, lead: str, area: str = "620900", joint: tuple[str, ...] = (), **values) -> RoutingRule:
    return routing.save_rule(
        area=world.areas[area],
        lead=world.departments[lead],
        joint=[world.departments[code] for code in joint],
        **values,
    )


def propose(world, *, category: str = "0201", standard: str | None = "0201-1", grid: str = "620901001001001", **values):
    chain = [world.areas[grid[:length]].pk for length in (4, 6, 9, 12, 15) if grid[:length] in world.areas]
    given = {"zone_ids": (), "at": MONDAY_TEN} | values
    return routing.propose(
        standard_id=FilingStandard.objects.get(code=standard).pk if standard else None,
        category_id=Category.objects.get(code=category).pk,
        chain=[world.root.pk, *chain],
        **given,
    )


def test_no_rule_proposes_nobody_and_says_so(world):
    found = propose(world)
    assert (found.lead_department_id, found.joint_ids, found.rule_id) == (None, (), None)
    assert found.reason == "没有适用的派遣规则，请派遣员指定主办"


def test_rule_of_the_main_category_fits_and_the_reason_says_why(world):
    made = save(world, "CG-SR", category=Category.objects.get(code="02"), joint=("ZJ",), note="权责清单第3项")
    found = propose(world)
    assert found.lead_department_id == world.departments["CG-SR"].pk
    assert found.joint_ids == (world.departments["ZJ"].pk,)
    assert found.rule_id == made.pk
    assert found.reason == (f"规则{made.pk}（市容环境，试城市）：主办市容环卫科，协办住房和建设局。依据：权责清单第3项")


def test_more_specific_rule_is_used_at_once(world):
    save(world, "CG")
    assert propose(world).lead_department_id == world.departments["CG"].pk
    save(world, "CG-SZ", area="620901001", standard=FilingStandard.objects.get(code="0201-1"))
    assert propose(world).lead_department_id == world.departments["CG-SZ"].pk
    assert propose(world, grid="620902001001001").lead_department_id == world.departments["CG"].pk


def test_zone_and_time_decide(world):
    zone = save_zone(
        zone=ServiceZone(root=world.root, code="Z1", name="景区", kind="scenic"),
        members=[world.areas["620901001001001"].pk],
    )
    save(world, "CG")
    save(world, "SW", zone=zone)
    save(world, "TEAM", calendar_class="resting", zone=zone)
    assert propose(world).lead_department_id == world.departments["CG"].pk
    assert propose(world, zone_ids=[zone.pk]).lead_department_id == world.departments["SW"].pk
    night = propose(world, zone_ids=[zone.pk], at=MONDAY_NIGHT)
    assert night.lead_department_id == world.departments["TEAM"].pk
    assert "工作时间外" in night.reason


def test_proposal_for_a_case_knows_its_zones(world):
    zone = save_zone(
        zone=ServiceZone(root=world.root, code="Z1", name="景区", kind="scenic"),
        members=[world.areas["620901001001"].pk],
    )
    save(world, "SW", zone=zone)
    inside, outside = world.case(world.report()), world.case(world.report(grid="620901002002002"))
    assert routing.proposal_for(inside, at=MONDAY_TEN).lead_department_id == world.departments["SW"].pk
    assert routing.proposal_for(outside, at=MONDAY_TEN).lead_department_id is None


def test_closed_department_is_not_proposed(world):
    save(world, "CG")
    save(world, "TEAM", area="620901")
    joint = save(world, "ZJ", area="620902", joint=("TEAM",))
    closed = world.departments["TEAM"]
    save_department(root=world.root, code="TEAM", name=closed.name, kind=closed.kind, area=closed.area, is_active=False)
    assert propose(world).lead_department_id == world.departments["CG"].pk
    there = propose(world, grid="620902001001001")
    assert (there.rule_id, there.joint_ids) == (joint.pk, ())


def test_proposal_takes_no_statement_once_loaded(world, django_assert_num_queries):
    save(world, "CG")
    standard, category = FilingStandard.objects.get(code="0201-1").pk, Category.objects.get(code="0201").pk
    chain = [world.root.pk, world.areas["620901"].pk]
    ask = {"standard_id": standard, "category_id": category, "chain": chain, "zone_ids": (), "at": MONDAY_TEN}
    routing.propose(**ask)
    with django_assert_num_queries(0):
        routing.propose(**ask)


# --- saving -------------------------------------------------------------------------------------------------------


def test_new_version_supersedes_the_old_one(world):
    first = save(world, "CG")
    second = save(world, "SW", replaces=first, by=world.people["system_admin"], at=MONDAY_TEN)
    first.refresh_from_db()
    assert (first.version, first.superseded_at, first.lead.code) == (1, MONDAY_TEN, "CG")
    assert (second.version, second.superseded_at) == (2, None)
    assert propose(world).rule_id == second.pk
    entry = AuditEntry.objects.filter(action="routing.save_rule").latest("id")
    assert (entry.actor, entry.object_id) == (world.people["system_admin"], str(second.pk))
    assert entry.detail["replaces"] == first.pk
    with pytest.raises(Conflict):
        save(world, "ZJ", replaces=first)
    assert RoutingRule.objects.filter(superseded_at=None).count() == 1


def test_withdrawn_rule_is_used_no_more(world):
    made = save(world, "CG")
    with pytest.raises(FieldError) as missing:
        routing.withdraw_rule(rule=made, reason=" ")
    assert missing.value.field == "reason"
    routing.withdraw_rule(rule=made, reason="职责调整")
    assert propose(world).rule_id is None
    assert AuditEntry.objects.get(action="routing.withdraw_rule").detail == {"reason": "职责调整"}


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("category", {"both": True}),
        ("calendar_class", {"calendar_class": "sometimes"}),
        ("note", {"note": "长" * 201}),
        ("joint", {"joint": ("CG",)}),
    ],
)
def test_wrong_rule_is_refused_and_not_written(world, field, values):
    if values.pop("both", False):
        values = {
            "category": Category.objects.get(code="0201"), "standard": FilingStandard.objects.get(code="0201-1"),
        }  # fmt: skip
    with pytest.raises(FieldError) as refused:
        save(world, "CG", **values)
    assert refused.value.field == field
    assert not RoutingRule.objects.exists()


def test_rules_are_saved_by_who_manages_them_in_that_city(world):
    with pytest.raises(NotPermitted) as refused:
        save(world, "CG", by=world.people["dispatcher"])
    assert refused.value.missing == "manage_rules"
    assert save(world, "CG", by=world.people["system_admin"]).pk


def test_loading_twice_adds_nothing_and_takes_nothing_back(world):
    rows = [{"category": "02", "lead": "CG-SR", "joint": ["ZJ"]}, {"standard": "0201-1", "lead": "CG-SZ"}]
    assert routing.load_rules(area=world.root, rows=rows) == 2
    kept = RoutingRule.objects.get(category__code="02")
    save(world, "SW", category=kept.category, replaces=kept)
    assert routing.load_rules(area=world.root, rows=rows) == 0
    assert RoutingRule.objects.get(category__code="02", superseded_at=None).lead.code == "SW"
    with pytest.raises(FieldError) as refused:
        routing.load_rules(area=world.root, rows=[{"category": "0201", "lead": "NO"}])
    assert refused.value.field == "lead"
