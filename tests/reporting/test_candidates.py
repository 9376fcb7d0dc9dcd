"""What is read behind one number is enough for it: the figure is that of all the cases, whichever it is and of when."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gridgov.common.errors import NotFound
from incidents.workflow import Stage
from personnel.selectors import department_tree
from reporting import boards, candidates, export_sources, facts, selectors
from reporting.history import Period
from reporting.indicators import INDICATORS
from reporting.selectors import Asked
from tests.reporting.walks import Walk
from tests.worlds import World

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def questions(at) -> list[dict]:
    """Everything that a link of the dashboard may ask."""
    tops = [d.id for d in department_tree().all() if d.parent_id is None]
    asked = [{"key": key, "span": span} for key in (*INDICATORS, "due_soon") for span in selectors.SPANS]
    asked += [{"key": key, "department_id": tops[0], "span": "month"} for key in boards.DEPARTMENT_COLUMNS]
    asked += [{"key": part, "stage": stage.value} for stage in Stage for part in selectors.PARTS]
    asked += [{"key": key, "stretch": span} for key in boards.COUNTED for span in selectors.SPANS]
    between = Period(at - 30 * HOUR, at - 6 * HOUR)
    return asked + [{"key": key, "between": between} for key in boards.COUNTED]


@pytest.mark.parametrize("seed", [91, 92])
def test_figure_of_the_candidates_is_the_figure_of_all(world: World, seed):
    walk = Walk(world, seed).run(240, cases=20, pace_minutes=120)
    walk.exempt(0.2)
    by = world.actor("leader")
    counted = fewer = 0
    # now, and at instants after which much was told
    for at in (walk.now, walk.now - 26 * HOUR, walk.now - 9 * 24 * HOUR):
        facts.forget()
        everything = facts.load(selectors._whole(at), cases=selectors._seen(by, world.root.pk))
        for more in questions(at):
            asked = Asked(at=at, area_id=world.root.pk, **more)
            expected = asked.figure(everything)
            found = selectors.drill(by, at=at, area_id=world.root.pk, **more)
            assert (set(found.hits), set(found.misses), found.total) == (
                set(expected.hits), set(expected.misses), expected.total,
            ), (at, more)  # fmt: skip
            counted += bool(expected.refs)
            fewer += selectors.drilled(by, asked) < len(everything.cases)
    assert counted > 100
    assert fewer > 300


def test_every_figure_says_what_it_is_counted_from():
    named = [*candidates.HAPPENED, *candidates.DUE, *candidates.STOOD]
    assert len(named) == len(set(named))
    assert set(named) - {"due_soon"} == set(INDICATORS)
    with pytest.raises(KeyError):
        candidates.of_figure("rank", Period(None, None), soon=HOUR)  # type: ignore[arg-type]


def test_more_cases_than_were_to_be_read_are_refused_before_any_is(world: World):
    for _case in range(3):
        world.report()
    facts.forget()
    by = world.actor("leader")
    with CaptureQueriesContext(connection) as queries, pytest.raises(facts.TooMany):
        selectors.drill(by, "reported", most=2)
    assert sum("journalentry" in query["sql"].split("WHERE")[0] for query in queries) == 0
    assert selectors.drill(by, "reported", most=3).count == 3
    with pytest.raises(facts.TooMany):
        selectors.dashboard(by, most=2)
    assert selectors.dashboard(by, most=3).figures["open_cases"].count == 3


def test_drill_refuses_what_there_is_not(world: World):
    by = world.actor("leader")
    for wrong in (
        {"key": "rank"}, {"key": "reported", "stage": "accept"}, {"key": "standing", "stage": "nowhere"},
        {"key": "on_time_file", "stretch": "week"}, {"key": "reported", "stretch": "year"},
        {"key": "reported", "span": "year"},
    ):  # fmt: skip
        with pytest.raises(NotFound):
            selectors.drill(by, **wrong)


def test_export_of_a_figure_has_the_same_cases_in_pieces(world: World, monkeypatch):
    walk = Walk(world, 93).run(200, cases=16, pace_minutes=100)
    by = world.actor("duty_chief")
    monkeypatch.setattr(export_sources, "EVIDENCE_CHUNK", 3)
    for key, part in (("on_time_accept", "all"), ("on_time_accept", "misses"), ("open_cases", "all")):
        figure = selectors.drill(by, key, at=walk.now)
        source = export_sources.FigureSource(by, {"key": key, "at": walk.now.isoformat(), "part": part})
        rows, mark, marks = [], 0, []
        while True:
            # as another worker would go on
            fresh = export_sources.FigureSource(by, {"key": key, "at": walk.now.isoformat(), "part": part})
            found = source.chunk(mark)
            assert fresh.chunk(mark) == found
            more, mark = found
            if not more:
                break
            rows += more
            marks.append(mark)
        expected = figure.misses if part == "misses" else figure.refs
        assert sorted(row[0] for row in rows) == sorted(ref.number for ref in expected)
        assert marks == sorted(set(marks))
        assert source.count() >= len({ref.number for ref in expected})
