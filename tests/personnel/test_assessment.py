"""The score is exact and shares out what is missing; a month goes from computed to published and is then shut."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from gridgov.common.models import AuditEntry
from personnel import assessment_selectors as selectors
from personnel import assessment_services as services
from personnel.assessment import FULL, Item, Measured, Scheme, final, hundredths, score
from personnel.assessment_models import Assessment, AssessmentMonth, AssessmentScheme
from tests.worlds import World

AT = datetime(2026, 4, 2, 1, tzinfo=UTC)
MARCH = date(2026, 3, 1)
TODAY = AT.date()

# --- the score (pure) ---------------------------------------------------------------------------------------------

weights = st.lists(st.integers(1, 50), min_size=1, max_size=6).map(
    lambda parts: [Fraction(FULL * part, sum(parts)) for part in parts]
)
measured = st.integers(0, 40).flatmap(lambda total: st.integers(0, total).map(lambda hits: Measured(hits, total)))


def scheme(parts: list[Fraction], **bounds: Fraction) -> Scheme:
    return Scheme(tuple(Item(f"i{n}", weight, **bounds) for n, weight in enumerate(parts)))


@given(weights, st.data())
def test_points_add_up_to_the_total_and_weights_to_full(parts, data):
    plan = scheme(parts)
    facts = {item.key: data.draw(measured) for item in plan.items}
    found = score(plan, facts)
    known = [line for line in found.lines if line.ratio is not None]
    if not known:
        assert found.total is None
        return
    assert sum(line.weight for line in found.lines) == FULL
    assert sum(line.points for line in known) == found.total
    assert 0 <= found.total <= FULL
    assert all(line.weight == 0 and line.points is None for line in found.lines if line.ratio is None)
    # the same another way: the mean of the ratios, weighed by the weights there are
    known_weight = sum(item.weight for item in plan.items if facts[item.key].total)
    plain = sum(item.weight * facts[item.key].ratio for item in plan.items if facts[item.key].total)
    assert found.total == FULL * plain / known_weight


@given(weights, st.data())
def test_one_more_hit_never_lowers_the_score(parts, data):
    plan = scheme(parts)
    facts = {item.key: data.draw(measured) for item in plan.items}
    for key, had in facts.items():
        if had.hits < had.total:
            more = facts | {key: Measured(had.hits + 1, had.total)}
            assert score(plan, more).total > score(plan, facts).total


def test_missing_indicator_gives_its_weight_to_the_others():
    plan = Scheme((Item("a", Fraction(50)), Item("b", Fraction(30)), Item("c", Fraction(20))))
    found = score(plan, {"a": Measured(1, 2), "b": Measured(3, 3)})
    assert [line.weight for line in found.lines] == [Fraction(125, 2), Fraction(75, 2), 0]
    assert [line.points for line in found.lines] == [Fraction(125, 4), Fraction(75, 2), None]
    assert found.total == Fraction(275, 4)


def test_nothing_counted_is_no_score_and_not_zero():
    plan = scheme([Fraction(100)])
    assert score(plan, {"i0": Measured(0, 0)}).total is None
    assert score(plan, {}).total is None
    assert score(plan, {"i0": Measured(0, 3)}).total == 0


def test_bounds_are_linear_between_and_flat_outside():
    up = Item("a", Fraction(100), zero_at=Fraction(1, 2), full_at=Fraction(9, 10))
    down = Item("a", Fraction(100), zero_at=Fraction(1, 5), full_at=Fraction(0))
    assert [up.share(Fraction(n, 10)) for n in (3, 5, 7, 9, 10)] == [0, 0, Fraction(1, 2), 1, 1]
    assert [down.share(Fraction(n, 10)) for n in (0, 1, 2, 5)] == [1, Fraction(1, 2), 0, 0]


@pytest.mark.parametrize(
    "items",
    [(), (Item("a", Fraction(99)),), (Item("a", Fraction(50)), Item("a", Fraction(50))),
     (Item("a", Fraction(100), Fraction(1), Fraction(1)),)],
)  # fmt: skip
def test_scheme_that_does_not_add_up_is_refused(items):
    with pytest.raises(ValueError, match=r".+"):
        Scheme(items)


def test_points_are_stored_in_hundredths_half_away_from_zero():
    halves = (Fraction(1, 200), Fraction(-1, 200), Fraction(200, 3), Fraction(0))
    assert [hundredths(v) for v in halves] == [1, -1, 6667, 0]
    assert [final(9800, 500), final(100, -500), final(8840, 360), final(None, 0)] == [10_000, 0, 9200, None]


# --- schemes ------------------------------------------------------------------------------------------------------

ITEMS = [{"key": "a", "weight": "60"}, {"key": "b", "weight": "40"}]


def save(**changes):
    given_ = {"code": "grid", "name": "月度考核", "items": ITEMS, "mark_cap": "5", "from_month": date(2026, 1, 1)}
    return services.save_scheme(**(given_ | changes), at=AT)


@pytest.mark.django_db
def test_scheme_saved_again_is_the_same_version_and_a_change_is_a_new_one():
    first, is_new = save()
    assert (first.version, is_new, first.mark_cap) == (1, True, 500)
    assert save() == (first, False)
    second, is_new = save(mark_cap="3.5")
    assert (second.version, is_new, second.mark_cap) == (2, True, 350)
    assert AssessmentScheme.objects.count() == 2
    assert AuditEntry.objects.filter(action="assessment_scheme.save").count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "field"),
    [({"items": ITEMS[:1]}, "items"), ({"items": [{"key": "a", "weight": "x"}]}, "weight"),
     ({"mark_cap": "101"}, "items"), ({"from_month": date(2026, 1, 2)}, "from_month"),
     ({"known_keys": {"a"}}, "items"), ({"items": [{"key": "a", "weight": "100", "rank": 1}]}, "items")],
)  # fmt: skip
def test_scheme_that_is_wrong_names_the_field(changes, field):
    with pytest.raises(FieldError) as refused:
        save(**changes)
    assert refused.value.field == field
    assert not AssessmentScheme.objects.exists()


# --- review, reply, publication -----------------------------------------------------------------------------------


def month_of(world: World) -> AssessmentMonth:
    """March: grid 1 with a score and a worker, grid 2 without either, a grid of the other district."""
    save()
    grids = [world.areas[code].pk for code in ("620901001001001", "620901001001002", "620902001001001")]
    month = services.open_month(root=world.root, on=MARCH, grid_ids=grids, known_at=AT)
    lines = [{"key": "a", "hits": [["N1", 3]], "misses": [], "weight": 10_000, "points": 8840}]
    services.store(month=month, rows=[
        services.Row(grids[0], world.people["grid_worker"].pk, lines, 8840),
        services.Row(grids[1], None, [], None),
        services.Row(grids[2], world.people["grid_worker_b"].pk, lines, 9000),
    ])  # fmt: skip
    return services.finish_month(month=month, at=AT)


@pytest.fixture
def row(world):
    month = month_of(world)
    return Assessment.objects.get(month=month, grid__code="620901001001001")


def test_row_goes_from_computed_to_published(world, row):
    leader, worker = world.people["grid_leader"], world.people["grid_worker"]
    reviewed = services.review(assessment_id=row.pk, by=leader, mark="3.6", reason="封路属实", at=AT)
    assert (reviewed.state, reviewed.mark, reviewed.score) == ("reviewed", 360, 8840)
    replied = services.reply(assessment_id=row.pk, by=worker, text="没有意见", at=AT + timedelta(hours=1))
    assert (replied.state, replied.reply) == ("replied", "没有意见")
    done = services.publish(assessment_id=row.pk, by=leader, at=AT + timedelta(hours=2))
    assert (done.state, done.final_score, done.published_by_id) == ("published", 9200, leader.pk)
    audited = AuditEntry.objects.filter(object_type="personnel.Assessment", object_id=str(row.pk)).order_by("id")
    assert list(audited.values_list("action", flat=True)) == [
        "assessment.review", "assessment.reply", "assessment.publish",
    ]  # fmt: skip


def test_published_row_is_changed_no_more(world, row):
    leader, worker = world.people["grid_leader"], world.people["grid_worker"]
    services.review(assessment_id=row.pk, by=leader, at=AT)
    services.reply(assessment_id=row.pk, by=worker, text="好", at=AT)
    services.publish(assessment_id=row.pk, by=leader, at=AT)
    for act in (
        lambda: services.review(assessment_id=row.pk, by=leader, mark=1, reason="再加", at=AT),
        lambda: services.reply(assessment_id=row.pk, by=worker, text="再说", at=AT),
        lambda: services.publish(assessment_id=row.pk, by=leader, at=AT),
    ):
        with pytest.raises(Conflict):
            act()
    assert Assessment.objects.get(pk=row.pk).mark == 0


def test_without_a_reply_it_is_published_only_when_the_days_for_it_are_over(world, row):
    leader = world.people["grid_leader"]
    services.review(assessment_id=row.pk, by=leader, at=AT)
    with pytest.raises(Conflict) as refused:
        services.publish(assessment_id=row.pk, by=leader, at=AT + timedelta(days=6, hours=23))
    assert refused.value.code == "reply_waits"
    assert services.publish(assessment_id=row.pk, by=leader, at=AT + timedelta(days=7)).final_score == 8840


def test_after_the_reply_the_leader_may_mark_once_more(world, row):
    leader, worker = world.people["grid_leader"], world.people["grid_worker"]
    services.review(assessment_id=row.pk, by=leader, at=AT)
    services.reply(assessment_id=row.pk, by=worker, text="三件由社区代办", at=AT)
    again = services.review(assessment_id=row.pk, by=leader, mark=2, reason="属实", at=AT + timedelta(hours=1))
    assert (again.state, again.mark, again.reply) == ("replied", 200, "三件由社区代办")


@pytest.mark.parametrize(
    ("mark", "reason", "field"),
    [("5.01", "理由", "mark"), ("-6", "理由", "mark"), ("1.005", "理由", "mark"), ("x", "理由", "mark"),
     ("2", " ", "reason"), ("2", "长" * 501, "reason")],
)  # fmt: skip
def test_mark_is_within_the_cap_and_has_a_reason(world, row, mark, reason, field):
    with pytest.raises(FieldError) as refused:
        services.review(assessment_id=row.pk, by=world.people["grid_leader"], mark=mark, reason=reason, at=AT)
    assert refused.value.field == field
    assert Assessment.objects.get(pk=row.pk).state == "computed"


def test_what_has_no_score_takes_no_mark_and_needs_no_reply(world, row):
    leader = world.people["grid_leader"]
    empty = Assessment.objects.get(grid__code="620901001001002")
    with pytest.raises(FieldError):
        services.review(assessment_id=empty.pk, by=leader, mark=1, reason="理由", at=AT)
    services.review(assessment_id=empty.pk, by=leader, at=AT)
    assert services.publish(assessment_id=empty.pk, by=leader, at=AT).final_score is None


def test_only_the_leader_of_the_grid_reviews_and_others_do_not_know_of_it(world, row):
    with pytest.raises(NotFound):
        services.review(assessment_id=row.pk, by=world.people["grid_leader_b"], at=AT)
    with pytest.raises(NotFound):  # not reviewed yet: the worker does not see it either
        services.reply(assessment_id=row.pk, by=world.people["grid_worker"], text="好", at=AT)
    services.review(assessment_id=row.pk, by=world.people["grid_leader"], at=AT)
    with pytest.raises(NotPermitted):
        services.review(assessment_id=row.pk, by=world.people["grid_worker"], mark=5, reason="我很好", at=AT)
    with pytest.raises(NotPermitted):
        services.reply(assessment_id=row.pk, by=world.people["grid_leader"], text="代答", at=AT)
    with pytest.raises(NotFound):
        services.reply(assessment_id=row.pk, by=world.people["acceptor"], text="好", at=AT)
    with pytest.raises(NotPermitted):
        services.publish(assessment_id=row.pk, by=world.people["grid_worker"], at=AT)


def test_nobody_reviews_or_publishes_his_own_month(world, row):
    Assessment.objects.filter(pk=row.pk).update(worker=world.people["grid_leader"])
    with pytest.raises(NotPermitted) as refused:
        services.review(assessment_id=row.pk, by=world.people["grid_leader"], at=AT)
    assert refused.value.missing == "separation:worker"
    with pytest.raises(IntegrityError), transaction.atomic():
        Assessment.objects.filter(pk=row.pk).update(
            state="reviewed", reviewed_at=AT, reviewed_by=world.people["grid_leader"]
        )


def test_several_are_confirmed_together_or_not_at_all(world, row):
    leader = world.people["grid_leader"]
    other = Assessment.objects.get(grid__code="620901001001002")
    abroad = Assessment.objects.get(grid__code="620902001001001")
    with pytest.raises(NotFound):
        services.confirm(assessment_ids=[row.pk, abroad.pk], by=leader, at=AT)
    assert Assessment.objects.get(pk=row.pk).state == "computed"
    assert services.confirm(assessment_ids=[row.pk, other.pk], by=leader, at=AT) == 2
    with pytest.raises(Conflict):
        services.confirm(assessment_ids=[row.pk], by=leader, at=AT)


def test_published_month_is_corrected_by_a_new_version_alone(world, row):
    leader = world.people["grid_leader"]
    asked = {"root": world.root, "on": MARCH, "grid_ids": [row.grid_id], "by": leader, "at": AT}
    with pytest.raises(Conflict) as refused:
        services.open_correction(**asked, reason="有误")
    assert refused.value.code == "not_published"
    services.review(assessment_id=row.pk, by=leader, at=AT)
    services.publish(assessment_id=row.pk, by=leader, at=AT + timedelta(days=8))
    with pytest.raises(FieldError):
        services.open_correction(**asked, reason="  ")
    with pytest.raises(NotPermitted):
        services.open_correction(**(asked | {"by": world.people["acceptor"]}), reason="有误")
    second = services.open_correction(**asked, reason="免责一件")
    assert (second.version, second.grid_ids, second.computed_at) == (2, [row.grid_id], None)
    services.store(month=second, rows=[services.Row(row.grid_id, row.worker_id, [], 9000)])
    shown = selectors.month_of(leader, MARCH, day=TODAY)
    assert [(r.grid.code, r.month.version, r.score) for r in shown] == [
        ("620901001001001", 2, 9000), ("620901001001002", 1, None),
    ]  # fmt: skip
    assert Assessment.objects.get(pk=row.pk).final_score == 8840


# --- reading ------------------------------------------------------------------------------------------------------


def test_leader_sees_his_grids_by_code_and_the_worker_his_own_after_review(world, row):
    leader, worker = world.people["grid_leader"], world.people["grid_worker"]
    assert [r.grid.code for r in selectors.month_of(leader, MARCH, day=TODAY)] == [
        "620901001001001", "620901001001002",
    ]  # fmt: skip
    assert selectors.month_of(worker, MARCH, day=TODAY) == []
    with pytest.raises(NotFound):
        selectors.one(row.pk, worker, day=TODAY)
    services.review(assessment_id=row.pk, by=leader, at=AT)
    assert [r.pk for r in selectors.month_of(worker, MARCH, day=TODAY)] == [row.pk]
    assert selectors.one(row.pk, worker, day=TODAY).state == "reviewed"
    assert selectors.months_of(worker, day=TODAY) == [MARCH]
    assert selectors.month_of(world.people["nobody"], MARCH, day=TODAY) == []


def later(row: Assessment, on: date, **changes) -> Assessment:
    """A row of the same grid in a later month, computed."""
    month = services.open_month(root=row.month.root, on=on, grid_ids=[row.grid_id], known_at=AT)
    values = {"grid_id": row.grid_id, "worker_id": row.worker_id, "lines": row.lines, "score": 9000} | changes
    services.store(month=month, rows=[services.Row(**values)])
    return Assessment.objects.select_related("month__scheme").get(month=month)


def test_history_has_published_scores_of_the_same_worker_alone(world, row):
    leader = world.people["grid_leader"]
    april, may = later(row, date(2026, 4, 1)), later(row, date(2026, 5, 1), worker_id=world.people["grid_worker_2"].pk)
    assert selectors.history_of([april, may]) == {april.pk: [], may.pk: []}
    services.review(assessment_id=row.pk, by=leader, mark=1, reason="补", at=AT)
    services.publish(assessment_id=row.pk, by=leader, at=AT + timedelta(days=8))
    assert selectors.history_of([april, may]) == {april.pk: [(MARCH, 8940)], may.pk: []}
    assert [r.pk for r in selectors.past_of(april)] == [row.pk]
    assert selectors.past_of(may) == []
    assert selectors.history_of([row]) == {row.pk: []}
    assert selectors.history_of([]) == {}
    assert selectors.mean([(MARCH, 8940), (MARCH, None), (MARCH, 9000)]) == 8970
    assert selectors.mean([]) is None


def test_review_of_a_row_that_moved_on_is_a_conflict(world, row):
    leader = world.people["grid_leader"]
    seen = services.revision_of(row)
    reviewed = services.review(assessment_id=row.pk, by=leader, mark=1, reason="补", revision=seen, at=AT)
    for act in (services.review, services.publish):
        with pytest.raises(Conflict) as refused:
            act(assessment_id=row.pk, by=leader, revision=seen, at=AT + timedelta(days=8))
        assert refused.value.code == "moved_on"
    assert Assessment.objects.get(pk=row.pk).mark == 100
    done = services.publish(
        assessment_id=row.pk, by=leader, revision=services.revision_of(reviewed), at=AT + timedelta(days=8)
    )
    assert done.final_score == 8940


@pytest.mark.parametrize("mark", ["1e999999999", "0" * 40, "1/0", "nan", "\u0661"])
def test_mark_is_a_plain_number(world, row, mark):
    with pytest.raises(FieldError):
        services.review(assessment_id=row.pk, by=world.people["grid_leader"], mark=mark, reason="理由", at=AT)


def test_reply_is_waited_for_until_the_days_are_over_where_there_is_a_worker(world, row):
    leader = world.people["grid_leader"]
    assert services.reply_until(row) is None
    reviewed = services.review(assessment_id=row.pk, by=leader, at=AT)
    assert services.reply_until(reviewed) == AT + timedelta(days=7)
    assert services.reply_waits(reviewed, AT + timedelta(days=6))
    assert not services.reply_waits(reviewed, AT + timedelta(days=7))
    empty = Assessment.objects.get(grid__code="620901001001002")
    assert services.reply_until(services.review(assessment_id=empty.pk, by=leader, at=AT)) is None


def test_what_waits_for_a_leader_is_not_his_own(world, row):
    leader = world.people["grid_leader"]
    assert selectors.waiting_for(leader, day=TODAY) == [(MARCH, "computed", 2)]
    Assessment.objects.filter(pk=row.pk).update(worker=leader)
    assert selectors.waiting_for(leader, day=TODAY) == [(MARCH, "computed", 1)]
    assert selectors.waiting_for(world.people["grid_worker"], day=TODAY) == []


def test_own_rows_are_those_after_review_by_month(world, row):
    leader, worker = world.people["grid_leader"], world.people["grid_worker"]
    april = later(row, date(2026, 4, 1))
    assert selectors.own_of(worker) == []
    services.review(assessment_id=row.pk, by=leader, at=AT)
    assert [r.pk for r in selectors.own_of(worker)] == [row.pk]
    services.review(assessment_id=april.pk, by=leader, at=AT)
    assert [r.pk for r in selectors.own_of(worker)] == [april.pk, row.pk]
    assert selectors.own_of(leader) == []


def test_correction_waits_until_it_is_published(world, row):
    leader = world.people["grid_leader"]
    services.review(assessment_id=row.pk, by=leader, at=AT)
    services.publish(assessment_id=row.pk, by=leader, at=AT + timedelta(days=8))
    first = Assessment.objects.select_related("month__scheme").get(pk=row.pk)
    assert not selectors.correction_waits(first)
    second = services.open_correction(
        root=world.root, on=MARCH, grid_ids=[row.grid_id], by=leader, at=AT, reason="免责一件"
    )
    assert selectors.correction_waits(first)
    services.store(month=second, rows=[services.Row(row.grid_id, row.worker_id, [], 9000)])
    newer = Assessment.objects.get(month=second)
    assert [r.pk for r in selectors.versions_of(first, leader, day=TODAY)] == [row.pk, newer.pk]
    assert [r.pk for r in selectors.versions_of(first, world.people["grid_worker"], day=TODAY)] == [row.pk]
    services.review(assessment_id=newer.pk, by=leader, at=AT)
    services.publish(assessment_id=newer.pk, by=leader, at=AT + timedelta(days=8))
    assert not selectors.correction_waits(first)
