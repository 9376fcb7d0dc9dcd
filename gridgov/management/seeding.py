"""Departments, people and routing of a city that comes with the project, from ``data/<city>.json``.

Everything is written through the services, so the same rules hold as for what is entered by hand. Saying it again
changes nothing: a login that exists keeps its password, name and postings.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from dispatch import routing
from gridgov.common.errors import FieldError
from gridgov.common.models import User
from grids.models import Area, Level
from personnel.models import Department, Posting, Worker
from personnel.roles import AREA_ROLES, Role
from personnel.selectors import department_tree
from personnel.services import hire, post, save_department

DATA = Path(__file__).resolve().parent / "data"
#: Postings of the reference people begin here, so that a case of any later day finds them.
SINCE = date(2024, 1, 1)

# Names of people who do not exist, put together in a fixed order.
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = ("建军", "秀英", "海燕", "志明", "丽娟", "文斌", "春梅", "国强", "玉兰", "晓东", "雪莲", "永平")


@dataclass(frozen=True, slots=True)
class Account:
    """An account to sign in with. ``password`` is None where it existed before and was left alone."""

    login: str
    name: str
    role: Role
    place: str
    password: str | None


@dataclass(frozen=True, slots=True)
class Seeded:
    """What the city has after the call; the counts are of what was new."""

    accounts: list[Account]
    departments: int
    people: int


def cities() -> list[str]:
    """The cities at hand."""
    return sorted(path.stem for path in DATA.glob("*.json"))


def seed_people(city: str, *, password: str | None = None, reset: bool = False) -> Seeded:
    """The city's departments, accounts, field workers and their postings stand.

    ``password`` is given to new accounts (else each gets one of its own, made here), with ``reset`` to all that are
    listed. FieldError names what does not fit. One transaction: all of it or nothing.
    """
    content = read(city)
    with transaction.atomic():
        found = _City.read(content)
        departments = found.save_departments(content["departments"])
        before = Worker.objects.count()
        accounts = [found.save_account(row, password, reset) for row in content["accounts"]]
        found.save_field_workers()
        found.save_department_people()
        return Seeded(accounts, departments, Worker.objects.count() - before)


def seed_routing(city: str) -> int:
    """Every class of problem has its department in the district; rules that are there stay. How many were new."""
    content = read(city)
    district = Area.objects.defer("boundary").get(root__code=content["root"], code=content["district"], valid_to=None)
    return routing.load_rules(area=district, rows=content["routing"])


def read(city: str) -> dict[str, Any]:
    """The city's file."""
    return json.loads((DATA / f"{city}.json").read_text(encoding="utf-8"))


class _City:
    """The areas, departments and logins of a city as they are being written."""

    def __init__(self, root: Area, district: Area, areas: Mapping[str, Area]) -> None:
        self.root, self.district, self.areas = root, district, areas
        self.departments = {d.code: d for d in Department.objects.filter(root=root)}
        self._users = dict(User.objects.values_list("username", "pk"))
        self._numbers = {
            int(n[2:]) for n in Worker.objects.filter(number__startswith="XG").values_list("number", flat=True)
        }
        self._names = (surname + given for given, surname in product(_GIVEN, _SURNAMES))

    @classmethod
    def read(cls, content: dict[str, Any]) -> "_City":
        root = Area.objects.defer("boundary").filter(parent=None, code=content["root"]).first()
        if root is None:
            raise FieldError("root", _("没有编码为 %s 的城市，请先运行 load_city") % content["root"])
        areas = {a.code: a for a in Area.objects.filter(root=root, valid_to=None).order_by("-level").defer("boundary")}
        return cls(root, areas[content["district"]], areas)

    def save_departments(self, rows: list[dict[str, str]]) -> int:
        """The departments of the file, a centre for the district and each street, a team for each street."""
        before = len(self.departments)
        for row in rows:
            self._department(row["code"], row["name"], row["kind"], row["parent"], self.district)
        self._department("XG-ZX", f"{self.district.name}网格化运行管理中心", "centre", "", self.district)
        for street in self._level(Level.STREET):
            self._department(f"ZX-{street.code}", f"{street.name}综合治理中心", "centre", "XG-ZX", street)
            self._department(f"WG-{street.code}", f"{street.name}网格队", "team", f"ZX-{street.code}", street)
        return len(self.departments) - before

    def save_account(self, row: dict[str, str], password: str | None, reset: bool) -> Account:
        """The account of the file's row, with its posting."""
        role = Role(row["role"])
        at = (
            {"area": self.areas[row["area"]]}
            if role in AREA_ROLES
            else {"department": self.departments[row["department"]]}
        )
        place = next(iter(at.values())).name
        given: str | None = password or new_password()
        if row["login"] not in self._users:
            self._person(row["login"], row["name"], role, password=given, **at)
        elif reset:
            user = User.objects.get(pk=self._users[row["login"]])
            user.set_password(given)
            user.save(update_fields=["password"])
        else:
            given = None
        return Account(row["login"], row["name"], role, place, given)

    def save_field_workers(self) -> None:
        """A grid worker for each community, who covers its grids; nobody can sign in as one until a password is set."""
        for community in self._level(Level.COMMUNITY):
            self._person(f"w{community.code}", self._name(), Role.GRID_WORKER, area=community)

    def save_department_people(self) -> None:
        """A head for each bureau; a handler for each section and team, and for each bureau without sections."""
        tree, kind = department_tree(), Department.Kind
        held = Posting.objects.filter(department__root=self.root).values_list("department__code", "role")
        posted = set(held)
        for code, department in sorted(self.departments.items()):
            roles = [Role.DEPARTMENT_HEAD] if department.kind == kind.BUREAU else []
            alone = department.kind == kind.BUREAU and tree.below(department.pk) == {department.pk}
            if alone or department.kind in (kind.SECTION, kind.TEAM):
                roles.append(Role.DEPARTMENT_HANDLER)
            for role in roles:
                name = self._name()
                if (code, role.value) not in posted:
                    word = "head" if role == Role.DEPARTMENT_HEAD else "staff"
                    self._person(f"{word}-{code}".lower(), name, role, department=department)

    def _department(self, code: str, name: str, kind: str, parent: str, area: Area) -> None:
        if code not in self.departments:
            self.departments[code] = save_department(
                root=self.root, code=code, name=name, kind=kind, parent=self.departments[parent] if parent else None,
                area=area,
            )  # fmt: skip

    def _person(self, login: str, name: str, role: Role, *, password: str | None = None, **at: Any) -> None:
        if login in self._users:
            return
        number = next(n for n in (f"XG{i:04}" for i in range(1, 10_000)) if n not in self._numbers)
        self._numbers.add(number)
        worker = hire(
            login=login, name=name, number=number, password=password, root=self.root,
            department=at.get("department"),
        )  # fmt: skip
        post(worker=worker, role=role, starts_on=SINCE, **at)
        self._users[login] = worker.user_id

    def _name(self) -> str:
        return next(self._names)

    def _level(self, level: Level) -> list[Area]:
        return sorted((a for a in self.areas.values() if a.level == level), key=lambda area: area.code)


def new_password() -> str:
    """Sixteen letters and figures that are not mistaken for each other, in groups of four: some 79 random bits."""
    letters = "abcdefghijkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _i in range(4)) for _j in range(4))
