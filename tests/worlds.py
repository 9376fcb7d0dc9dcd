"""A small city for tests: areas as squares, a calendar, a catalogue, departments and people of every role.

Made through the services once a process, then copied row by row (some 20 ms): call :func:`make_world` in any test with
a database, or use the fixture ``world``. Days of posting begin in 2020, so a test may stand at any later time.

The city 620900 is 4 × 4 grids of 0.01°, its south-west corner at lon 103.60, lat 36.05. 甲区 620901 is its west half,
乙区 620902 its east half; a district has two streets (south, north), a street two communities (west, east), a community
two grids (south, north). City, districts and streets have a desk.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from typing import Any

import numpy as np
import shapely
from django.apps import apps
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Permission
from django.db import connection, models, transaction
from PIL import Image
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from dispatch import loop
from dispatch.actors import Actor, actor_of
from gridgov.common import clock, reference, work_calendar
from gridgov.common.business_time import Allowance, Unit
from gridgov.common.models import User
from grids import importers, services
from grids.geometry import canonical
from grids.models import Area, Level
from grids.sources import Features
from incidents import attachments, numbers
from incidents.catalogue import StepSpec
from incidents.catalogue_services import (
    LimitInput,
    save_category,
    save_default_limits,
    save_ladder,
    save_standard,
)
from incidents.models import Incident
from incidents.services.report import Report
from personnel.models import Department, Worker
from personnel.services import hire, post, save_department

ROOT = "620900"
PASSWORD = "shiyong-2026"  # of everybody
WEST, SOUTH, CELL = 103.60, 36.05, 0.01
SINCE = date(2020, 1, 1)

#: login → (name, [(role, code of the area or of the department)]). The plain name of a role is its holder in 甲区.
PEOPLE: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "acceptor": ("受理甲", [("acceptor", "620901")]),
    "acceptor_2": ("受理甲二", [("acceptor", "620901")]),
    "acceptor_b": ("受理乙", [("acceptor", "620902")]),
    "acceptor_city": ("受理市", [("acceptor", "620900")]),
    "acceptor_street": ("受理街", [("acceptor", "620901001")]),
    "duty_chief": ("值班甲", [("duty_chief", "620901")]),
    "duty_chief_2": ("值班甲二", [("duty_chief", "620901")]),
    "duty_chief_b": ("值班乙", [("duty_chief", "620902")]),
    "duty_chief_city": ("值班市", [("duty_chief", "620900")]),
    "duty_chief_street": ("值班街", [("duty_chief", "620901001")]),
    "dispatcher": ("派遣甲", [("dispatcher", "620901")]),
    "dispatcher_2": ("派遣甲二", [("dispatcher", "620901")]),
    "dispatcher_b": ("派遣乙", [("dispatcher", "620902")]),
    "dispatcher_street": ("派遣街", [("dispatcher", "620901001")]),
    "supervisor": ("督办甲", [("supervisor", "620901")]),
    "supervisor_b": ("督办乙", [("supervisor", "620902")]),
    "verifier": ("核查甲", [("verifier", "620901")]),
    "verifier_2": ("核查甲二", [("verifier", "620901")]),
    "verifier_b": ("核查乙", [("verifier", "620902")]),
    "department_handler": ("市政经办", [("department_handler", "CG-SZ")]),
    "department_handler_2": ("市政经办二", [("department_handler", "CG-SZ")]),
    "department_head": ("城管负责", [("department_head", "CG")]),
    "department_handler_joint": ("住建经办", [("department_handler", "ZJ")]),
    "department_head_joint": ("住建负责", [("department_head", "ZJ")]),
    "department_handler_b": ("水务经办", [("department_handler", "SW")]),
    "grid_leader": ("网格长甲", [("grid_leader", "620901001001")]),
    "grid_leader_b": ("网格长乙", [("grid_leader", "620902001001")]),
    "grid_worker": ("网格员甲", [("grid_worker", "620901001001001")]),
    "grid_worker_2": ("网格员甲二", [("grid_worker", "620901001001002")]),
    "grid_worker_b": ("网格员乙", [("grid_worker", "620902001001001")]),
    "leader": ("市领导", [("leader", "620900")]),
    "system_admin": ("系统管理", [("system_admin", "620900")]),
    "security_admin": ("安全管理", [("security_admin", "620900")]),
    "audit_admin": ("审计管理", [("audit_admin", "620900")]),
    # may dispatch in 甲区 and verify in 乙区, and neither the other way round
    "two_hats": ("两处任职", [("dispatcher", "620901"), ("verifier", "620902")]),
    "nobody": ("无任职", []),
}

#: code → (name, kind, parent, code of the area)
DEPARTMENTS: dict[str, tuple[str, str, str, str]] = {
    "CG": ("城市管理局", "bureau", "", ""),
    "CG-SZ": ("市政设施科", "section", "CG", ""),
    "CG-SR": ("市容环卫科", "section", "CG", ""),
    "ZJ": ("住房和建设局", "bureau", "", ""),
    "SW": ("水务局", "bureau", "", ""),
    "TEAM": ("甲一南西社区网格队", "team", "", "620901001001"),
    "CENTRE": ("甲区指挥中心", "centre", "", "620901"),
}


@dataclass
class World:
    """The city and everybody in it; ids and users by code and by login."""

    areas: dict[str, Area] = field(default_factory=dict)
    people: dict[str, User] = field(default_factory=dict)
    workers: dict[str, Worker] = field(default_factory=dict)
    departments: dict[str, Department] = field(default_factory=dict)
    #: name used in tests → code of a 小类
    categories: dict[str, str] = field(
        default_factory=lambda: {
            "waste": "0201",  # 暴露垃圾: standards 0201-1 (two days, photo after) and 0201-2
            "cover": "0101",  # 井盖缺失: urgent, the system accepts, files and dispatches (0101-1)
            "lamp": "0102",  # 路灯: standard 0102-1
            "building": "0202",  # 违法搭建: standard 0202-1 with milestones stop and clear
            "question": "0301",  # 政策咨询: answerable
            "dispute": "0302",  # 矛盾纠纷: confidential
            "street_waste": "0203",  # 小广告: first held by the street
        }
    )

    @property
    def root(self) -> Area:
        return self.areas[ROOT]

    def point(self, grid: str = "620901001001001") -> tuple[float, float]:
        """lon, lat of the middle of a grid."""
        area = self.areas[grid]
        return (area.min_lon + area.max_lon) / 2, (area.min_lat + area.max_lat) / 2

    def actor(self, login: str = "acceptor", *, channel: str = "desk") -> Actor:
        """The person as the loop knows him."""
        return actor_of(self.people[login], channel=channel)

    def token(self, login: str) -> str:
        return Token.objects.get_or_create(user=self.people[login])[0].key

    def client(self, login: str | None = None) -> APIClient:
        """An API client that signs in by token (or not at all)."""
        client = APIClient()
        if login is not None:
            client.credentials(HTTP_AUTHORIZATION=f"Token {self.token(login)}")
        return client

    def body(self, *, grid: str = "620901001001001", **values: Any) -> Report:
        """A report of waste in 甲区, but for what is given otherwise."""
        lon, lat = self.point(grid)
        given = {"source": "hotline", "category": "0201", "description": "路边有垃圾", "lon": lon, "lat": lat} | values
        return Report(**given)

    def report(self, *, by: str = "acceptor", at: Any = None, key: str = "", **values: Any) -> str:
        """A case is reported; its number. ``values`` as in :meth:`body`."""
        received = loop.report(body=self.body(**values), by=self.actor(by), idempotency_key=key, at=at)
        return received.number

    def perform(self, number: str, action: str, by: str, **payload: Any) -> Any:
        return loop.perform(number=number, action=action, by=self.actor(by), **payload)

    def lead(self, code: str = "CG-SZ") -> dict[str, int]:
        """The payload that names a department as handler."""
        return {"department": self.departments[code].pk}

    def carry(self, to: str = "handling", **values: Any) -> str:
        """A case is reported and carried to the status ``to``: accepted, filed, dispatched, handling or handled."""
        number = self.report(**values)
        steps = [
            ("accepted", "accept", "acceptor", {}),
            ("filed", "file", "duty_chief", {"standard": "0201-1"}),
            ("dispatched", "dispatch", "dispatcher", {"lead": self.lead()}),
            ("handling", "sign", "department_handler", {}),
            ("handled", "feed_back", "department_handler", {"note": "已清理", "attachments": None}),
        ]
        for status, action, by, payload in steps:
            if "attachments" in payload:
                payload = payload | {"attachments": [self.photo(by)]}
            self.perform(number, action, by, **payload)
            if status == to:
                return number
        raise ValueError(to)

    def photo(self, by: str) -> Any:
        """The id of a photo that the person has uploaded."""
        return make_photo(self.people[by])

    def case(self, number: str) -> Incident:
        return Incident.objects.get(number=number)


def make_photo(user: User) -> Any:
    """A stored photo, not linked to a case; its id."""
    return attachments.store(file=sample_image(), name="现场.jpg", user_id=user.pk, at=clock.now()).pk


def sample_image(kind: str = "JPEG", size: tuple[int, int] = (64, 48), **options: Any) -> BytesIO:
    """A picture as an open file."""
    file = BytesIO()
    Image.new("RGB", size, (90, 120, 90)).save(file, kind, **options)
    file.seek(0)
    return file


def make_world() -> World:
    """The city stands in the database of this test, nothing of it left in the process from another one."""
    reference.expire()
    work_calendar.forget()
    numbers.forget()
    if Area.objects.exists():
        raise RuntimeError("the world is made once a test, before any other area")
    print_ = _fingerprint()
    if _copy.get("print") != print_:
        before = _counts()
        with transaction.atomic():
            _make()
        _copy.clear()
        _copy.update(print=print_, rows=dict(_rows_beyond(before)))
    else:
        _put_back(_copy["rows"])
    reference.expire()
    return _world()


# --- making ---------------------------------------------------------------------------------------------------


def _make() -> None:
    work_calendar.load_file(work_calendar.DEFAULT_FILE)
    _make_areas()
    _make_catalogue()
    _make_people()


def _squares(level: Level) -> Iterator[tuple[str, str, str, shapely.Geometry]]:
    """code, parent's code, name, square of every area of the level."""
    for d, district in enumerate("甲乙"):
        code = f"{ROOT[:4]}0{d + 1}"
        x, y = 2 * d, 0
        if level is Level.DISTRICT:
            yield code, ROOT, f"{district}区", _box(x, y, 2, 4)
            continue
        for s, street in enumerate("一二"):
            code_s, y_s = f"{code}00{s + 1}", 2 * s
            if level is Level.STREET:
                yield code_s, code, f"{district}{street}街道", _box(x, y_s, 2, 2)
                continue
            for c, community in enumerate("西东"):
                code_c, x_c = f"{code_s}00{c + 1}", x + c
                if level is Level.COMMUNITY:
                    yield code_c, code_s, f"{district}{street}{community}社区", _box(x_c, y_s, 1, 2)
                    continue
                for g in range(2):
                    name = f"{district}{street}{community}第{g + 1}网格"
                    yield f"{code_c}00{g + 1}", code_c, name, _box(x_c, y_s + g, 1, 1)


def _box(x: int, y: int, width: int, height: int) -> shapely.Geometry:
    # every square has all corners of the cells on its edge, so that levels are valid coverages of each other
    west, south = round(WEST + x * CELL, 6), round(SOUTH + y * CELL, 6)
    box = shapely.box(west, south, round(WEST + (x + width) * CELL, 6), round(SOUTH + (y + height) * CELL, 6))
    return box


def _make_areas() -> None:
    for level in (Level.DISTRICT, Level.STREET, Level.COMMUNITY, Level.GRID):
        rows = list(_squares(level))
        features = Features(
            rows=list(range(1, len(rows) + 1)),
            codes=[row[0] for row in rows],
            names=[row[2] for row in rows],
            parents=["" if row[1] == ROOT else row[1] for row in rows],
            kinds=["urban"] * len(rows),
            shapes=canonical(np.array([row[3] for row in rows], dtype=object)),
        )
        importers.commit(
            importers.plan_load(
                root=ROOT, level=level, features=features, parents_given=level > Level.DISTRICT, root_name="试城市"
            )
        )
    root = Area.objects.get(code=ROOT, level=Level.CITY)
    services.set_desks(root=root, levels=[Level.CITY, Level.DISTRICT, Level.STREET])


def _limit(clock: str, unit: Unit, *, hours: float = 0, ladder: str = "", **more: Any) -> LimitInput:
    return LimitInput(clock=clock, allowance=Allowance(unit, minutes=int(hours * 60)), ladder=ladder, **more)


def _make_catalogue() -> None:
    save_ladder(
        code="usual",
        name="常规阶梯",
        steps=[
            StepSpec("warn", "share_left", share=0.25),
            StepSpec("due", "at_due"),
            StepSpec("after_4h", "after_due", minutes=240),
        ],
    )
    work = Unit.WORK_HOURS
    save_default_limits(
        limits=[
            _limit("accept", work, hours=0.5, ladder="usual"),
            _limit("check", work, hours=2, ladder="usual"),
            _limit("file", work, hours=0.5, ladder="usual"),
            _limit("dispatch", work, hours=0.5, ladder="usual"),
            _limit("sign", work, hours=2, ladder="usual"),
            _limit("handle", work, hours=16, ladder="usual"),
            _limit("send", work, hours=1, ladder="usual"),
            _limit("verify", work, hours=4, ladder="usual"),
            _limit("close", work, hours=1, ladder="usual"),
            _limit("total", Unit.NATURAL, hours=24 * 7, ladder="usual"),
        ]
    )
    save_category(code="01", name="公用设施", kind="component")
    save_category(code="02", name="市容环境", kind="event")
    save_category(code="03", name="群众诉求", kind="service")
    save_category(code="0101", name="井盖缺失", kind="component", parent="01", is_urgent=True)
    save_category(code="0102", name="路灯", kind="component", parent="01")
    save_category(code="0201", name="暴露垃圾", kind="event", parent="02")
    save_category(code="0202", name="违法搭建", kind="event", parent="02")
    save_category(code="0203", name="非法小广告", kind="event", parent="02", holder_level=Level.STREET)
    save_category(code="0301", name="政策咨询", kind="service", parent="03", is_answerable=True)
    save_category(code="0302", name="矛盾纠纷", kind="service", parent="03", is_confidential=True)
    save_standard(
        code="0101-1", category="0101", condition="井盖缺失，危及通行", closing_condition="井盖补齐",
        system_steps=["accept", "file", "dispatch"], after_photo_count=1,
        limits=[_limit("handle", Unit.URGENT, hours=2, ladder="usual")],
    )  # fmt: skip
    save_standard(code="0102-1", category="0102", condition="路灯不亮", closing_condition="恢复照明")
    save_standard(
        code="0201-1", category="0201", condition="暴露垃圾面积1平方米以上", closing_condition="清理干净",
        after_photo_count=1, limits=[_limit("handle", work, hours=4, ladder="usual")],
    )  # fmt: skip
    save_standard(
        code="0201-2", category="0201", condition="大件垃圾", closing_condition="清运完毕",
        limits=[LimitInput(clock="handle", allowance=Allowance(Unit.WORK_DAYS, minutes=2 * 480), ladder="usual")],
    )  # fmt: skip
    save_standard(
        code="0202-1", category="0202", condition="在建违法建筑", closing_condition="拆除并清理",
        limits=[
            _limit("handle", work, hours=4, ladder="usual", milestone="stop", label="停工"),
            LimitInput(
                clock="handle", allowance=Allowance(Unit.WORK_DAYS, minutes=20 * 480), ladder="usual",
                milestone="clear", label="拆除",
            ),
        ],
    )  # fmt: skip
    for code in ("0203", "0301", "0302"):
        save_standard(code=f"{code}-1", category=code, condition="情况属实", closing_condition="办理完毕")


def _make_people() -> None:
    found = {area.code: area for area in Area.objects.order_by("-level")}
    root = found[ROOT]
    departments: dict[str, Department] = {}
    for code, (name, kind, parent, area) in DEPARTMENTS.items():
        departments[code] = save_department(
            root=root, code=code, name=name, kind=kind, parent=departments.get(parent), area=found.get(area)
        )
    for number, (login, (name, postings)) in enumerate(PEOPLE.items(), start=1):
        worker = hire(login=login, name=name, number=f"G{number:03}", phone=f"1380000{number:04}")
        for role, place in postings:
            at = {"department": departments[place]} if place in departments else {"area": found[place]}
            post(worker=worker, role=role, starts_on=SINCE, **at)
    User.objects.filter(username__in=PEOPLE).update(password=make_password(PASSWORD))


def _world() -> World:
    return World(
        areas={area.code: area for area in Area.objects.order_by("-level").defer("boundary")},
        people={user.username: user for user in User.objects.filter(username__in=PEOPLE)},
        workers={worker.user.username: worker for worker in Worker.objects.select_related("user")},
        departments={department.code: department for department in Department.objects.all()},
    )


# --- copying --------------------------------------------------------------------------------------------------

_copy: dict[str, Any] = {}


def _fingerprint() -> tuple[Any, ...]:
    """The ids of what migrations made: after a flush they are others, and the copied rows would point astray."""
    return tuple(Permission.objects.order_by("pk").values_list("pk", flat=True))


def _tables() -> list[type[models.Model]]:
    return [m for m in apps.get_models(include_auto_created=True) if m._meta.managed and not m._meta.proxy]


def _counts() -> dict[str, set[Any]]:
    return {m._meta.db_table: set(m._base_manager.values_list("pk", flat=True)) for m in _tables()}


def _rows_beyond(before: dict[str, set[Any]]) -> Iterator[tuple[str, tuple[list[str], list[tuple[Any, ...]]]]]:
    with connection.cursor() as cursor:
        for model in _tables():
            table = model._meta.db_table
            cursor.execute(f'SELECT * FROM "{table}"')
            columns = [column[0] for column in cursor.description]
            key = columns.index(model._meta.pk.column)
            rows = [row for row in cursor.fetchall() if row[key] not in before[table]]
            if rows:
                yield table, (columns, rows)


def _put_back(copied: dict[str, tuple[list[str], list[tuple[Any, ...]]]]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for table, (columns, rows) in copied.items():
            names = ", ".join(f'"{column}"' for column in columns)
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows)
