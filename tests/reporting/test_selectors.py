"""What the dashboard shows equals a second count over the journal, of what the person may see and nothing else."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dispatch import requests
from gridgov.common import clock
from gridgov.common.errors import NotFound
from personnel.selectors import department_tree
from reporting import boards, facts, selectors
from reporting.history import Period, Ref
from reporting.indicators import INDICATORS, Figure, Unit
from tests.reporting import brute
from tests.reporting.walks import START, Walk
from tests.worlds import World

pytestmark = pytest.mark.django_db

STAGES = {
    "accept": ["reported", "checking"], "file": ["accepted"], "dispatch": ["filed"],
    "handle": ["dispatched", "handling", "suspended"], "feed_back": ["handled"], "verify": ["verifying", "verified"],
    "evaluate": ["closed"],
}  # fmt: skip
DAY = timedelta(days=1)


def numbers(figure: Figure) -> Counter[str]:
    return Counter(ref.number for ref in figure.hits)


def same(figure: Figure, said: tuple, key: str) -> None:
    assert numbers(figure) == Counter(said[0]), key
    if key == "average_handling_hours":
        assert figure.value == (None if said[1] is None else pytest.approx(said[1])), key
    else:
        assert Counter(ref.number for ref in figure.misses) == Counter(said[1]), key


def overdue(life: brute.Life, at: datetime) -> bool:
    return any(w.state == "on" and w.due is not None and w.due < at.replace(microsecond=0) for w in life.watches)


def check_dashboard(shown: selectors.Dashboard, lives: list[brute.Life]) -> None:
    """Every number of the dashboard against the walked journals ``lives``, which are those of its area."""
    at, end = shown.at, shown.at + timedelta(microseconds=1)
    month = brute.figures(lives, end - 30 * DAY, end)
    for key, figure in shown.figures.items():
        same(figure, month[key], key)
    _check_funnel(shown, lives, at)
    for row in shown.areas:
        said = brute.figures(brute.in_area(lives, row.id), end - 30 * DAY, end)
        assert set(row.figures) == set(boards.AREA_COLUMNS)
        for key, figure in row.figures.items():
            same(figure, said[key], key)
    tops = [d for d in department_tree().all() if d.parent_id is None]
    busy = {}
    for top in tops:
        ids = {d.id for d in department_tree().all() if top.id in d.ancestors}
        own = brute.of_departments(lives, ids)
        if own:
            busy[top.id] = brute.figures(own, end - 30 * DAY, end)
    assert {row.id for row in shown.departments} >= {i for i, said in busy.items() if any(said["dispatched"][0])}
    for row in shown.departments:
        for key, figure in row.figures.items():
            same(figure, busy[row.id][key], key)
    for value in shown.map:
        inside = [life for life in brute.in_area(lives, value.area_id) if life.is_open]
        assert numbers(value.standing) == Counter(life.number for life in inside)
        assert numbers(value.overdue) == Counter(life.number for life in inside if overdue(life, at))
    _check_counters(shown, lives, at, end)
    _check_due_soon(shown, lives, at)


def _check_funnel(shown: selectors.Dashboard, lives: list[brute.Life], at: datetime) -> None:
    assert [row.stage.value for row in shown.funnel] == list(STAGES)
    first = min((life.told[0].at for life in lives), default=at)
    assert at - first < 2 * selectors.SPAN  # cases closed before that are no longer on the funnel
    soon = at + selectors.SOON
    for row in shown.funnel:
        there = [life for life in lives if life.status in STAGES[row.stage.value]]
        assert numbers(row.standing) == Counter(life.number for life in there), row.stage
        late = {life.number for life in there if life.is_open and overdue(life, at)}
        assert numbers(row.overdue) == Counter(late)
        near = {
            life.number for life in there
            if life.is_open and any(w.state == "on" and w.due and w.due <= soon for w in life.watches)
        }  # fmt: skip
        assert numbers(row.due_soon) == Counter(near - late)


def _check_counters(shown: selectors.Dashboard, lives: list[brute.Life], at: datetime, end: datetime) -> None:
    midnight = clock.local(at).replace(hour=0, minute=0, second=0, microsecond=0)
    stretches = {
        "today": [(midnight, end), (midnight - DAY, end - DAY)],
        "week": [(end - 7 * DAY, end), (end - 14 * DAY, end - 7 * DAY)],
        "month": [(end - 30 * DAY, end), (end - 60 * DAY, end - 30 * DAY)],
    }
    for name, (now, before) in stretches.items():
        said = [brute.figures(lives, *now), brute.figures(lives, *before)]
        for key in boards.COUNTED:
            trend = shown.counters[key][name]
            assert [numbers(trend.now), numbers(trend.before)] == [Counter(s[key][0]) for s in said], (key, name)
            assert trend.difference == len(said[0][key][0]) - len(said[1][key][0])
    for key in boards.COUNTED:
        assert len(shown.sparks[key]) == selectors.SPARK_DAYS
        assert numbers(shown.sparks[key][-2]) == Counter(brute.figures(lives, midnight - DAY, midnight)[key][0])


def _check_due_soon(shown: selectors.Dashboard, lives: list[brute.Life], at: datetime) -> None:
    expected = []
    for life in lives:
        running = [w for w in life.watches if w.state == "on" and w.due is not None] if life.is_open else []
        stage = [w for w in running if w.kind != "total"]
        first = min((w.due for w in stage or running), default=None)
        if first is not None and first <= at + timedelta(microseconds=1) + selectors.SOON:
            expected.append((first, life.number, first < at.replace(microsecond=0)))
    assert [(d.due_at, d.number, d.is_overdue) for d in shown.due_soon] == sorted(expected)


@pytest.mark.parametrize("seed", [41, 42])
def test_dashboard_equals_the_brute_force_count_for_each_who_looks(world: World, seed: int) -> None:
    walk = Walk(world, seed).run(300, cases=26, pace_minutes=110)
    walk.exempt(0.2)
    at = walk.now
    everything = brute.lives(at + timedelta(microseconds=1))
    for login, code in (("leader", "620900"), ("duty_chief", "620901"), ("verifier_b", "620902"),
                        ("grid_leader", "620901001001"), ("grid_worker", "620901001001001")):  # fmt: skip
        area_id = world.areas[code].pk
        shown = selectors.dashboard(world.actor(login), at=at)
        assert shown.area_id == area_id
        check_dashboard(shown, brute.in_area(everything, area_id))
    below = world.areas["620901001"].pk
    check_dashboard(
        selectors.dashboard(world.actor("duty_chief"), at=at, area_id=below), brute.in_area(everything, below)
    )


def test_dashboard_takes_five_statements_and_then_one(world: World, settings: Any) -> None:
    settings.REFERENCE_CHECK_SECONDS = 600
    walk = Walk(world, 43).run(60, cases=8)
    by = world.actor("leader")
    selectors.dashboard(by, at=walk.now)
    taken = []
    facts.forget()
    for _again in range(2):
        with CaptureQueriesContext(connection) as queries:
            selectors.dashboard(by, at=walk.now)
        taken.append(len(queries))
    assert taken == [5, 1]


def test_other_areas_are_not_found_and_nobody_sees_nothing(world: World) -> None:
    world.report(at=START)
    for login in ("duty_chief_b", "grid_leader", "nobody"):
        with pytest.raises(NotFound):
            selectors.dashboard(world.actor(login), at=START, area_id=world.areas["620901"].pk)
    shown = selectors.dashboard(world.actor("nobody"), at=START)
    assert shown.area_id is None
    assert shown.figures["open_cases"].hits == ()
    assert selectors.dashboard(world.actor("duty_chief_b"), at=START).figures["open_cases"].hits == ()


def test_secret_cases_are_counted_for_those_named_alone(world: World) -> None:
    plain, secret = world.report(at=START), world.report(at=START, category="0302")
    seen = {
        login: selectors.dashboard(world.actor(login), at=START).figures["open_cases"].numbers
        for login in ("nobody", "supervisor", "acceptor")
    }
    assert seen == {"nobody": [], "supervisor": [plain], "acceptor": sorted([plain, secret])}


def test_drill_names_the_cases_of_what_the_dashboard_counts(world: World) -> None:
    walk = Walk(world, 44).run(220, cases=20)
    by, at = world.actor("duty_chief"), walk.now
    shown = selectors.dashboard(by, at=at)
    for key, figure in shown.figures.items():
        assert selectors.drill(by, key, at=at) == figure
    for row in shown.areas:
        for key, figure in row.figures.items():
            assert selectors.drill(by, key, at=at, area_id=row.id) == figure
    for row in shown.departments:
        for key, figure in row.figures.items():
            assert selectors.drill(by, key, at=at, department_id=row.id) == figure
    for row in shown.funnel:
        for part in ("standing", "overdue", "due_soon"):
            assert selectors.drill(by, part, at=at, stage=row.stage.value) == getattr(row, part)
    for key, stretches in shown.counters.items():
        for name, trend in stretches.items():
            assert selectors.drill(by, key, at=at, stretch=name) == trend.now
    for wrong in ({"key": "rank"}, {"key": "reported", "stretch": "year"}, {"key": "standing", "stage": "nowhere"}):
        with pytest.raises(NotFound):
            selectors.drill(by, wrong.pop("key"), at=at, **wrong)


def test_every_figure_has_a_definition_in_words() -> None:
    assert all(len(str(i.definition)) > 8 and str(i.label) and i.compute.__doc__ for i in INDICATORS.values())
    assert boards.definition("closing_ratio").startswith("应结案")
    assert boards.definition("due_soon")
    assert boards.definition("rank") == ""
    used = {*boards.AREA_COLUMNS, *boards.DEPARTMENT_COLUMNS, *boards.RATIOS, *boards.ON_TIME, *boards.COUNTED}
    assert used <= INDICATORS.keys()


def test_figure_without_a_denominator_has_no_value() -> None:
    assert Figure(Unit.RATIO, ()).value is None
    assert Figure(Unit.WORK_HOURS, ()).value is None
    assert Figure(Unit.CASES, ()).value == 0


# --- on time, line by line ----------------------------------------------------------------------------------------

MINUTE = timedelta(minutes=1)


def accept_rate(world: World, start: datetime, end: datetime) -> tuple[int, int]:
    figure = INDICATORS["on_time_accept"](facts.load(Period(start, end)))
    return len(figure.hits), len(figure.misses)


def test_on_time_is_to_the_second_and_a_second_later_is_late(world: World) -> None:
    due = START + 30 * MINUTE
    for seconds in (0, 0.9, 1):
        number = world.report(at=START)
        world.perform(number, "accept", "acceptor", at=due + timedelta(seconds=seconds))
    assert accept_rate(world, START, START + DAY) == (2, 1)


def test_clock_counts_in_the_period_of_its_due_time(world: World) -> None:
    number = world.report(at=START)
    due = START + 30 * MINUTE
    world.perform(number, "accept", "acceptor", at=START + 5 * MINUTE)
    assert accept_rate(world, START, due) == (0, 0)
    assert accept_rate(world, due, due + MINUTE) == (1, 0)


def test_running_past_due_at_the_end_is_late_then_and_stays_so(world: World) -> None:
    number = world.report(at=START)
    due = START + 30 * MINUTE
    end = due + 10 * MINUTE
    assert accept_rate(world, START, due) == (0, 0)
    assert accept_rate(world, START, end) == (0, 1)
    world.perform(number, "accept", "acceptor", at=end + MINUTE)
    assert accept_rate(world, START, end) == (0, 1)


def test_cancelled_clock_counts_nowhere(world: World) -> None:
    number, other = world.report(at=START), world.report(at=START)
    world.perform(number, "merge", "acceptor", into=other, at=START + 40 * MINUTE)
    assert accept_rate(world, START, START + DAY) == (0, 1)


def test_extension_counts_from_its_grant_on(world: World) -> None:
    number = world.report(at=START)
    steps = [("accept", "acceptor", {}), ("file", "duty_chief", {"standard": "0201-1"}),
             ("dispatch", "dispatcher", {"lead": world.lead()}), ("sign", "department_handler", {})]  # fmt: skip
    for action, login, payload in steps:
        world.perform(number, action, login, at=START, **payload)
    due = world.case(number).clocks.get(kind="handle").due_at
    asked = requests.ask(
        number=number, kind="extend", by=world.actor("department_handler"), reason="下雨", at=due - MINUTE
    )
    end = due + MINUTE
    requests.decide(request_id=asked, grant=True, by=world.actor("dispatcher"), at=end)
    later = world.case(number).clocks.get(kind="handle").due_at

    def handle(start: datetime, until: datetime) -> tuple[int, int]:
        figure = INDICATORS["on_time_handle"](facts.load(Period(start, until)))
        return len(figure.hits), len(figure.misses)

    assert later > end
    assert handle(START, end) == (0, 1)  # as it stood: the request still waited
    assert handle(START, end + MINUTE) == (0, 0)
    given = {"note": "已清理", "attachments": [world.photo("department_handler")]}
    world.perform(number, "feed_back", "department_handler", at=later, **given)
    assert handle(end, later + MINUTE) == (1, 0)
    assert handle(START, end) == (0, 1)


# --- evidence -----------------------------------------------------------------------------------------------------


def test_evidence_shows_cases_as_they_were_and_counts_the_unseen(world: World) -> None:
    mine, theirs = world.report(at=START), world.report(at=START, by="acceptor_b", grid="620902001001001")
    world.perform(mine, "accept", "acceptor", at=START + MINUTE)
    world.perform(mine, "file", "duty_chief", standard="0201-1", at=START + 2 * MINUTE)
    by = world.actor("duty_chief")
    with CaptureQueriesContext(connection) as queries:
        shown, unseen = selectors.evidence(by, [[mine, 2], Ref(theirs, 1)])
    assert len(queries) == 1
    assert [(e.number, e.seq, e.action, e.status) for e in shown] == [(mine, 2, "accept", "accepted")]
    assert unseen == 1
    assert selectors.evidence(by, []) == ([], 0)
    then = selectors.case_then(by, mine, 2)
    assert (then.status, [e["action"] for e in then.entries]) == ("accepted", ["report", "accept"])
    for number, seq in ((theirs, 1), (mine, 9)):
        with pytest.raises(NotFound):
            selectors.case_then(by, number, seq)
