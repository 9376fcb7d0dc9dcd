"""A month of assessments as tests of its pages need it: computed rows with real cases as evidence."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from personnel import assessment_services as services
from personnel.assessment_models import Assessment
from personnel.services import post
from tests.worlds import SINCE, World

OCTOBER = date(2026, 10, 1)
KNOWN_AT = datetime(2026, 11, 1, 1, tzinfo=UTC)
ITEMS = [{"key": "valid_report_ratio", "weight": "60"}, {"key": "on_time_check", "weight": "40"}]
FIRST, SECOND, THIRD = "620901001001001", "620901001001002", "620901001002001"
ABROAD = "620902001001001"
WORKERS = {FIRST: "grid_worker", SECOND: "grid_worker_2", ABROAD: "grid_worker_b"}


def lines(*, hits: Sequence[Any] = (), misses: Sequence[Any] = (), points: int | None = 8840) -> list[dict[str, Any]]:
    """The first indicator alone has data, so that it carries the whole weight."""
    return [
        {"key": "valid_report_ratio", "hits": list(hits), "misses": list(misses), "weight": 10_000, "points": points},
        {"key": "on_time_check", "hits": [], "misses": [], "weight": 0, "points": None},
    ]


def assess(
    world: World, *, on: date = OCTOBER, grids: Sequence[str] = (FIRST, SECOND, ABROAD), score: int | None = 8840
) -> list[Assessment]:
    """Computed rows of the grids, each with a case of its own counted and one not; in the grids' order."""
    services.save_scheme(
        code="grid", name="月度考核", items=ITEMS, mark_cap="5", from_month=date(2026, 1, 1), source="试用", at=KNOWN_AT
    )
    areas = [world.areas[code] for code in grids]
    month = services.open_month(root=world.root, on=on, grid_ids=[area.pk for area in areas], known_at=KNOWN_AT)
    rows = []
    for area in areas:
        desk = "acceptor_b" if area.code.startswith("620902") else "acceptor"
        good, bad = (world.report(by=desk, grid=area.code) for _n in range(2))
        world.perform(good, "accept", desk)
        login = WORKERS.get(area.code)
        rows.append(
            services.Row(
                area.pk,
                world.people[login].pk if login else None,
                lines(hits=[[good, 1]], misses=[[bad, 1]], points=score),
                score,
            )
        )
    services.store(month=month, rows=rows)
    services.finish_month(month=month, at=KNOWN_AT)
    return list(Assessment.objects.filter(month=month).select_related("month__scheme", "grid").order_by("grid__code"))


def lead_street(world: World, login: str = "grid_leader") -> None:
    """The leader leads the whole street of 甲一, four grids, from now on."""
    post(worker=world.workers[login], role="grid_leader", area=world.areas["620901001"], starts_on=SINCE)
