"""What the dashboard arranges by day equals a second count over the journal."""

from collections import Counter
from datetime import timedelta

import pytest

from gridgov.common.errors import NotFound
from reporting import boards, facts, selectors
from reporting.history import Period
from reporting.indicators import Figure, Unit
from tests.reporting import brute
from tests.reporting.walks import Walk
from tests.worlds import World

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def numbers(figure: Figure) -> Counter[str]:
    return Counter(ref.number for ref in figure.hits)


@pytest.mark.parametrize("seed", [61, 62])
def test_open_cases_of_each_moment_are_those_of_the_journal_then(world: World, seed: int) -> None:
    walk = Walk(world, seed).run(160, cases=16, pace_minutes=110)
    end = walk.now + timedelta(microseconds=1)
    read = facts.load(Period(end - 60 * DAY, end))
    moments = [end, end - DAY, *(end - n * timedelta(hours=31) for n in range(1, 9)), end - 50 * DAY]
    for moment, figure in zip(moments, boards.open_at(read, moments), strict=True):
        said = Counter(life.number for life in brute.lives(moment) if life.is_open)
        assert numbers(figure) == said, moment


def test_flow_counts_each_hour_and_day_once(world: World) -> None:
    walk = Walk(world, 63).run(120, cases=12)
    end = walk.now + timedelta(microseconds=1)
    lives = brute.lives(end)
    for span, length in (("today", 24), ("week", 7), ("month", 30)):
        shown = selectors.dashboard(world.actor("leader"), at=walk.now, span=span)
        assert len(shown.flow) == length
        for row in shown.flow:
            said = brute.figures(lives, row.period.start, min(row.period.end, end))
            assert numbers(row.reported) == Counter(said["reported"][0])
            assert numbers(row.closed) == Counter(said["closed"][0])
        assert [row.period.start for row in shown.flow[1:]] == [row.period.end for row in shown.flow[:-1]]


def test_figures_of_each_span_are_those_of_its_period(world: World) -> None:
    walk = Walk(world, 64).run(160, cases=14)
    end = walk.now + timedelta(microseconds=1)
    lives = brute.lives(end)
    for span in selectors.SPANS:
        shown = selectors.dashboard(world.actor("leader"), at=walk.now, span=span)
        said = brute.figures(lives, shown.period.start, end)
        for key, figure in shown.figures.items():
            assert numbers(figure) == Counter(said[key][0]), (span, key)
        for key, trend in shown.ratios.items():
            assert trend.now == shown.figures[key]
            assert selectors.drill(world.actor("leader"), key, at=walk.now, span=span) == trend.now
    with pytest.raises(NotFound):
        selectors.dashboard(world.actor("leader"), at=walk.now, span="year")


def test_drill_of_an_hour_and_of_the_list_names_what_is_shown(world: World) -> None:
    walk = Walk(world, 65).run(120, cases=12)
    by, at = world.actor("leader"), walk.now
    shown = selectors.dashboard(by, at=at, span="week")
    for row in shown.flow:
        for key, figure in (("reported", row.reported), ("closed", row.closed)):
            assert selectors.drill(by, key, at=at, between=row.period) == figure
    assert selectors.drill(by, "due_soon", at=at).hits == tuple(due.ref for due in shown.due_soon)
    with pytest.raises(NotFound):
        selectors.drill(by, "on_time_accept", at=at, between=shown.flow[0].period)
    with pytest.raises(NotFound):
        selectors.drill(by, "reported", at=at, between=Period(at - 90 * DAY, at - 89 * DAY))


def test_trend_of_a_ratio_is_in_points_and_missing_where_one_is() -> None:
    half, none = Figure(Unit.RATIO, (("a", 1),), (("b", 1),)), Figure(Unit.RATIO, ())  # type: ignore[arg-type]
    assert boards.RatioTrend(Figure(Unit.RATIO, (("a", 1),)), half).difference == 50  # type: ignore[arg-type]
    assert boards.RatioTrend(half, none).difference is None
