"""A made-up city of any size for the benchmarks: areas of 33 points, a catalogue, departments and people of every role.

Everything is written through the services and commands of the project. The unit grids are the cells of a lattice whose
edges are bent (eight stretches a side, so 32 corners and 33 points with the closing one); communities, streets and
districts are blocks of cells, so that every level is a valid coverage and lies exactly in the one above. Deterministic.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import shapely
from django.core.management import call_command

from gridgov.common.models import User
from grids import importers, services
from grids.geometry import canonical
from grids.models import Area, Level
from grids.sources import Features
from personnel.models import Department
from personnel.roles import Role
from personnel.services import Newcomer, appoint, save_department

ROOT = "990100"
PASSWORD = "ceshi-2026"  # noqa: S105 - of everybody in a city that is not
SINCE = date(2020, 1, 1)
WEST, SOUTH, CELL = 103.2, 35.6, 0.005
PARTS = 8  # stretches a side
#: Cells of a community, communities of a street, streets of a district, as columns × rows.
COMMUNITY, STREET, DISTRICT = (3, 2), (3, 3), (4, 3)
DESK = (Role.ACCEPTOR, Role.DUTY_CHIEF, Role.DISPATCHER, Role.SUPERVISOR, Role.VERIFIER)
BUREAUS = {
    "CG": "城市管理局", "ZJ": "住房和建设局", "SW": "水务局", "JT": "交通运输局", "HB": "生态环境局",
    "SC": "市场监管局",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """A unit grid: its chain of ids and the middle of its lattice cell, which always lies in it."""

    district_id: int
    street_id: int
    community_id: int
    grid_id: int
    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class City:
    """What stands: the city, its district codes by id, its cells, and who works where (login → id)."""

    root: Area
    districts: dict[int, str]
    cells: list[Cell]
    users: dict[str, int]
    departments: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Codes:
    district: str
    street: str
    community: str
    grid: str


def make_city(grids: int) -> City:
    """The city of so many unit grids stands in an empty database, with everybody in it."""
    for command in ("load_calendar", "load_catalogue", "load_escalation", "load_texts"):
        call_command(command, verbosity=0)
    places = _places(grids)
    _make_areas(places)
    root = Area.objects.defer("boundary").get(code=ROOT, level=Level.CITY)
    services.set_desks(root=root, levels=[Level.CITY, Level.DISTRICT, Level.STREET])
    departments = {
        code: save_department(root=root, code=code, name=name, kind="bureau") for code, name in BUREAUS.items()
    }
    _make_people(root, departments)
    return _found(root, places, departments)


# --- areas --------------------------------------------------------------------------------------------------------


def _places(grids: int) -> dict[tuple[int, int], _Codes]:
    """The codes of each cell (column, row), row by row: only the last row may be short."""
    columns = math.ceil(math.sqrt(grids))
    cells = [(number % columns, number // columns) for number in range(grids)]
    blocks = [(1, 1)]
    for columns_, rows in (COMMUNITY, STREET, DISTRICT):
        blocks.append((blocks[-1][0] * columns_, blocks[-1][1] * rows))
    serials: dict[tuple[Any, ...], int] = {}
    counts: dict[Any, int] = {}

    def serial(parent: Any, block: tuple[int, int]) -> int:
        if (parent, block) not in serials:
            serials[parent, block] = counts[parent] = counts.get(parent, 0) + 1
        return serials[parent, block]

    found = {}
    for x, y in cells:
        grid, community, street, district = ((x // width, y // height) for width, height in blocks)
        codes = [f"{ROOT[:3]}{serial('', district):03}"]
        for block in (street, community, grid):
            codes.append(f"{codes[-1]}{serial(codes[-1], block):03}")
        found[x, y] = _Codes(*codes)
    return found


def _corners(columns: int, rows: int) -> np.ndarray:
    """Every point of the fine lattice, bent a little and rounded to 7 digits: (x, y) → lon, lat."""
    dice = np.random.default_rng(33)
    x, y = np.meshgrid(np.arange(columns * PARTS + 1), np.arange(rows * PARTS + 1), indexing="ij")
    points = np.stack([WEST + x * CELL / PARTS, SOUTH + y * CELL / PARTS], axis=-1)
    points += dice.uniform(-0.3, 0.3, points.shape) * CELL / PARTS
    return np.round(points, 7)


def _ring(corners: np.ndarray, x: int, y: int) -> np.ndarray:
    """The 33 points of a cell."""
    left, right, low, high = x * PARTS, (x + 1) * PARTS, y * PARTS, (y + 1) * PARTS
    return np.concatenate(
        [
            corners[left:right, low],
            corners[right, low:high],
            corners[right:left:-1, high],
            corners[left, high:low:-1],
        ]
    )


def levels(grids: int) -> list[list[tuple[str, str, Any]]]:
    """code, parent's code (empty: the city) and shape of the areas of each level, from the districts down."""
    return _levels(_places(grids))


def _levels(places: dict[tuple[int, int], _Codes]) -> list[list[tuple[str, str, Any]]]:
    columns, rows = (max(at[axis] for at in places) + 1 for axis in (0, 1))
    corners = _corners(columns, rows)
    cells = np.array([shapely.polygons(_ring(corners, x, y)) for x, y in places], dtype=object)
    names = ("district", "street", "community", "grid")
    return [
        list(_grouped(list(places.values()), cells, name, above))
        for name, above in zip(names, ("", *names), strict=False)
    ]


def _make_areas(places: dict[tuple[int, int], _Codes]) -> None:
    for level, rows in zip((Level.DISTRICT, Level.STREET, Level.COMMUNITY, Level.GRID), _levels(places), strict=True):
        _load(level, rows)


def _grouped(codes: list[_Codes], cells: np.ndarray, name: str, above: str) -> Iterator[tuple[str, str, Any]]:
    """code, parent's code and shape of each area of a level."""
    members: dict[str, list[int]] = {}
    for number, one in enumerate(codes):
        members.setdefault(getattr(one, name), []).append(number)
    for code, numbers in members.items():
        shape = cells[numbers[0]] if len(numbers) == 1 else shapely.coverage_union_all(cells[numbers])
        yield code, getattr(codes[numbers[0]], above) if above else "", shape


def _load(level: Level, rows: list[tuple[str, str, Any]]) -> None:
    kind = {Level.DISTRICT: "区", Level.STREET: "街道", Level.COMMUNITY: "社区", Level.GRID: "网格"}[level]
    features = Features(
        rows=list(range(1, len(rows) + 1)),
        codes=[code for code, _parent, _shape in rows],
        names=[f"{'第' if level == Level.DISTRICT else ''}{int(code[-3:])}{kind}" for code, _parent, _shape in rows],
        parents=[parent for _code, parent, _shape in rows],
        kinds=["urban"] * len(rows),
        shapes=canonical(np.array([shape for _code, _parent, shape in rows], dtype=object)),
    )
    plan = importers.plan_load(
        root=ROOT, level=level, features=features, parents_given=level > Level.DISTRICT, root_name="测试市"
    )
    importers.commit(plan)


# --- people -------------------------------------------------------------------------------------------------------


def _make_people(root: Area, departments: dict[str, Department]) -> None:
    """Every role of the desk for the city and for each district, a worker for each district, handlers, a leader."""
    found = Area.objects.filter(root=root, level__in=[Level.DISTRICT, Level.COMMUNITY]).defer("boundary").order_by("pk")
    districts = [area for area in found if area.level == Level.DISTRICT]
    first_community = {area.path.split("/")[2]: area for area in reversed(found) if area.level == Level.COMMUNITY}
    new: list[Newcomer] = []

    def add(login: str, role: Role, **at: Any) -> None:
        new.append(Newcomer(login=login, name=f"{role.label}{len(new)}", number=f"B{len(new):05}", role=role, **at))

    for role in (*DESK, Role.LEADER):
        add(f"{role}-city", role, area=root)
    for district in districts:
        for role in DESK:
            add(f"{role}-{district.code}", role, area=district)
        add(f"worker-{district.code}", Role.GRID_WORKER, area=first_community[str(district.pk)])
    for code, department in departments.items():
        add(f"handler-{code}", Role.DEPARTMENT_HANDLER, department=department)
    appoint(newcomers=new, starts_on=SINCE)
    # one hash for all: to hash it for each would take longer than everything else here
    one = User(username="")
    one.set_password(PASSWORD)
    User.objects.filter(username__in=[person.login for person in new]).update(password=one.password)


def _found(root: Area, places: dict[tuple[int, int], _Codes], departments: dict[str, Department]) -> City:
    ids = {(level, code): pk for pk, level, code in Area.objects.filter(root=root).values_list("pk", "level", "code")}
    cells = [
        Cell(
            ids[Level.DISTRICT, codes.district], ids[Level.STREET, codes.street],
            ids[Level.COMMUNITY, codes.community], ids[Level.GRID, codes.grid],
            WEST + (x + 0.5) * CELL, SOUTH + (y + 0.5) * CELL,
        )
        for (x, y), codes in places.items()
    ]  # fmt: skip
    return City(
        root=root,
        districts={pk: code for (level, code), pk in ids.items() if level == Level.DISTRICT},
        cells=cells,
        users=dict(User.objects.values_list("username", "pk")),
        departments={code: department.pk for code, department in departments.items()},
    )
