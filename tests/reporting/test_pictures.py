"""A dashboard put together out of pieces is the whole one, and what was written as JSON is read again as it was."""

import pytest

from reporting import facts, pictures, selectors
from reporting.indicators import Figure, Unit
from reporting.pictures import Count
from tests.reporting.walks import Walk
from tests.worlds import World

pytestmark = pytest.mark.django_db


def put_together(by, at, area_id=None, after=0):
    whole: dict[str, selectors.Dashboard] = {}
    marks = []
    for mark, more in selectors.pieces(by, at=at, area_id=area_id, after=after):
        marks.append(mark)
        for span, piece in more.items():
            bare = pictures.without_evidence(piece)
            whole[span] = pictures.together(whole[span], bare) if span in whole else bare
    return {span: selectors.in_order(shown) for span, shown in whole.items()}, marks


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_pieces_together_are_what_is_computed_at_once(world: World, monkeypatch, size):
    walk = Walk(world, 71).run(170, cases=15, pace_minutes=110)
    monkeypatch.setattr(facts, "CHUNK", size)
    for login in ("leader", "duty_chief"):
        by, area_id = world.actor(login), selectors.scope_of(world.actor(login), None)
        whole, marks = put_together(by, walk.now, area_id)
        assert marks == sorted(marks)
        assert set(whole) == set(selectors.SPANS)
        for span, shown in whole.items():
            at_once = selectors.in_order(pictures.without_evidence(selectors.dashboard(by, at=walk.now, span=span)))
            assert pictures.to_json(shown) == pictures.to_json(at_once), span
            assert shown.figures == at_once.figures


def test_picture_is_read_as_it_was_written(world: World):
    walk = Walk(world, 72).run(120, cases=10)
    for span in selectors.SPANS:
        shown = pictures.without_evidence(selectors.dashboard(world.actor("leader"), at=walk.now, span=span))
        told = pictures.to_json(shown)
        assert pictures.to_json(pictures.from_json(told)) == told
        again = pictures.from_json(told)
        for part in ("at", "area_id", "board_level", "period", "figures", "counters", "standing", "ratios", "due_soon"):
            assert getattr(again, part) == getattr(shown, part), part


def test_area_without_cases_has_one_piece_of_zeros(world: World):
    whole, marks = put_together(world.actor("leader"), Walk(world, 1).now, world.root.pk)
    assert marks == [0]
    assert whole["month"].figures["open_cases"] == Count(Unit.CASES)
    assert whole["month"].figures["closing_ratio"].exact is None


def test_figure_and_count_are_read_alike():
    figure = Figure(Unit.RATIO, (("a", 1), ("b", 1)), (("c", 1),))  # type: ignore[arg-type]
    count = Count(Unit.RATIO, 2, 1)
    for part in ("count", "missed", "denominator", "exact", "value"):
        assert getattr(figure, part) == getattr(count, part)
    assert (Count(Unit.CASES, 3).value, Count(Unit.WORK_HOURS).value) == (3.0, None)
