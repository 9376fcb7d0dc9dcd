"""Departments, people and routing of a city that comes with the project, from ``data/<city>.json``.

Everything is written through the services, so the same rules hold as for what is entered by hand. Saying it again
changes nothing: a login that exists keeps its password, name and postings.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import count, product
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from dispatch import routing
from gridgov.accounts import passwords
from gridgov.common.errors import FieldError
from gridgov.common.models import User
from grids import cities as cities_data
from grids import registers
from grids.models import Area, Component, Level
from personnel.models import Department, Posting, Worker
from personnel.roles import AREA_ROLES, Role
from personnel.selectors import department_tree
from personnel.services import Newcomer, appoint, save_department

DATA = Path(__file__).resolve().parent / "data"
#: The class of the component whose scan address is shown: street lamps, as in the README's walk.
LAMP = "0118"
#: Postings of the reference people begin here, so that a case of any later day finds them.
SINCE = date(2024, 1, 1)

# Names of people who do not exist, put together in a fixed order.
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = ("建军", "秀英", "海燕", "志明", "丽娟", "文斌", "春梅", "国强", "玉兰", "晓东", "雪莲", "永平")
_FIRST_LETTERS, _SECOND_LETTERS = "文志海晓玉建春永国丽", "华平明英芳林宁云峰霞"


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
    listed; nobody else can sign in until one is set. FieldError names what does not fit: then nobody is hired.
    """
    content = read(city)
    found = _City.read(content)
    with transaction.atomic():
        departments = found.save_departments(content)
    accounts = [found.add_account(row, password, reset) for row in content["accounts"]]
    for row in content["staff"]:
        found.add_posted(row)
    # the file's own district first: its people keep their names and numbers when other districts come
    found.add_people(content["district"])
    for government in content["others"]:
        found.add_people(government["code"], desk=content["template"]["desk"])
    return Seeded(accounts, departments, found.appoint())


def seed_routing(city: str) -> int:
    """Every class of problem has its department in each district; rules that are there stay. How many were new."""
    content = read(city)
    districts = Area.objects.defer("boundary").filter(root__code=content["root"], level=Level.DISTRICT, valid_to=None)
    by_code = {district.code: district for district in districts}
    made = routing.load_rules(area=by_code[content["district"]], rows=content["routing"])
    for government in content["others"]:
        rows = [_of_district(row, government["prefix"]) for row in content["template"]["routing"]]
        made += routing.load_rules(area=by_code[government["code"]], rows=rows)
    return made


def seed_components(city: str) -> int:
    """The city's demo components stand; those that are there stay as they are. How many were new."""
    root, path = read(city)["root"], cities_data.DATA / city / "components.csv"
    plan = registers.plan_components(root=root, path=str(path))
    plan.changed.clear()  # by hand, since
    added = len(plan.added)
    registers.commit(plan)
    return added


def lamp_token() -> str:
    """The QR token of the demo's first street lamp; empty where there is none."""
    lamps = Component.objects.filter(type_code=LAMP, root__parent=None).order_by("code", "pk")
    return lamps.values_list("qr_token", flat=True).first() or ""


def _of_district(row: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """A row of the template's routing with the departments of one district."""
    joint = [f"{prefix}-{code}" for code in row.get("joint", ())]
    return {**row, "lead": f"{prefix}-{row['lead']}", "joint": joint}


def read(city: str) -> dict[str, Any]:
    """The city's file."""
    return json.loads((DATA / f"{city}.json").read_text(encoding="utf-8"))


class _City:
    """The areas, departments and logins of a city as they are being written."""

    def __init__(self, root: Area, areas: Mapping[str, Area], prefixes: Mapping[str, str]) -> None:
        self.root, self.areas, self._prefixes = root, areas, prefixes
        self.district = areas[next(iter(prefixes))]
        self._by_id = {area.pk: area for area in areas.values()}
        self.departments = {d.code: d for d in Department.objects.filter(root=root)}
        self._users = dict(User.objects.values_list("username", "pk"))
        self._numbers = set(Worker.objects.values_list("number", flat=True))
        self._serials = {code: count(1) for code in prefixes}
        self._names = (surname + given for given, surname in product(_given_names(), _SURNAMES))
        self._new: list[Newcomer] = []

    @classmethod
    def read(cls, content: dict[str, Any]) -> "_City":
        root = Area.objects.defer("boundary").filter(parent=None, code=content["root"]).first()
        if root is None:
            raise FieldError("root", _("没有编码为 %s 的城市，请先运行 load_city") % content["root"])
        areas = {a.code: a for a in Area.objects.filter(root=root, valid_to=None).order_by("-level").defer("boundary")}
        prefixes = {
            row["code"]: row["prefix"] for row in ({**content, "code": content["district"]}, *content["others"])
        }
        return cls(root, areas, prefixes)

    def save_departments(self, content: Mapping[str, Any]) -> int:
        """The departments of the file, with a centre for its district and each street there, a team for each street.

        The other districts have those of the template, and a centre.
        """
        before = len(self.departments)
        for row in content["departments"]:
            self._department(row["code"], row["name"], row["kind"], row["parent"], self.district)
        centre = f"{content['prefix']}-ZX"
        self._department(centre, f"{self.district.name}网格化运行管理中心", "centre", "", self.district)
        for street in self._level(Level.STREET):
            if street.parent_id == self.district.pk:
                self._department(f"ZX-{street.code}", f"{street.name}综合治理中心", "centre", centre, street)
                self._department(f"WG-{street.code}", f"{street.name}网格队", "team", f"ZX-{street.code}", street)
        for government in content["others"]:
            district, prefix = self.areas[government["code"]], government["prefix"]
            for row in content["template"]["departments"]:
                named = row["county_name"] if "county_name" in row and district.name.endswith("县") else row["name"]
                self._department(
                    f"{prefix}-{row['code']}", named.format(district=district.name), "bureau", "", district
                )
            self._department(f"{prefix}-ZX", f"{district.name}网格化运行管理中心", "centre", "", district)
        return len(self.departments) - before

    def add_account(self, row: Mapping[str, str], password: str | None, reset: bool) -> Account:
        """The account of the file's row, with its posting; new ones with a password."""
        given: str | None = password or passwords.new_password()
        if row["login"] in self._users:
            if reset:
                user = User.objects.get(pk=self._users[row["login"]])
                user.set_password(given)
                user.save(update_fields=["password"])
            else:
                given = None
        at = self.add_posted(row, given)
        return Account(row["login"], row["name"], Role(row["role"]), next(iter(at.values())).name, given)

    def add_posted(self, row: Mapping[str, str], password: str | None = None) -> dict[str, Any]:
        """The person of the file's row; says where he is posted."""
        role = Role(row["role"])
        at: dict[str, Any] = (
            {"area": self.areas[row["area"]]}
            if role in AREA_ROLES
            else {"department": self.departments[row["department"]]}
        )
        self._person(row["login"], row["name"], role, password=password, **at)
        return at

    def add_people(self, code: str, *, desk: Iterable[str] = ()) -> None:
        """Somebody for each role of the district's desk, a grid worker for each of its communities.

        And a head for each of its bureaus, a handler for each section and team, and for each bureau without sections.
        """
        district, tree, kind = self.areas[code], department_tree(), Department.Kind
        for role in desk:
            self._person(f"{role}-{code}", self._name(), Role(role), area=district)
        for community in self._level(Level.COMMUNITY):
            if self._district_of(community.pk) == code:
                self._person(f"w{community.code}", self._name(), Role.GRID_WORKER, area=community)
        held = Posting.objects.filter(department__root=self.root).values_list("department__code", "role")
        posted = set(held) | {(one.department.code, str(one.role)) for one in self._new if one.department is not None}
        for department_code, department in sorted(self.departments.items()):
            if self._district_of(department.area_id) != code:
                continue
            roles = [Role.DEPARTMENT_HEAD] if department.kind == kind.BUREAU else []
            alone = department.kind == kind.BUREAU and tree.below(department.pk) == {department.pk}
            if alone or department.kind in (kind.SECTION, kind.TEAM):
                roles.append(Role.DEPARTMENT_HANDLER)
            for role in roles:
                name = self._name()
                if (department_code, role.value) not in posted:
                    word = "head" if role == Role.DEPARTMENT_HEAD else "staff"
                    self._person(f"{word}-{department_code}".lower(), name, role, department=department)

    def appoint(self) -> int:
        """Everybody who was added and new is hired and posted, all or nobody. How many."""
        return len(appoint(newcomers=self._new, starts_on=SINCE))

    def _department(self, code: str, name: str, kind: str, parent: str, area: Area) -> None:
        if code not in self.departments:
            self.departments[code] = save_department(
                root=self.root, code=code, name=name, kind=kind, parent=self.departments[parent] if parent else None,
                area=area,
            )  # fmt: skip

    def _person(
        self,
        login: str,
        name: str,
        role: Role,
        *,
        password: str | None = None,
        area: Area | None = None,
        department: Department | None = None,
    ) -> None:
        if login not in self._users:
            number = self._number(area.pk if area is not None else department.area_id if department else None)
            self._new.append(
                Newcomer(
                    login=login,
                    name=name,
                    number=number,
                    role=role,
                    area=area,
                    department=department,
                    password=password,
                )
            )

    def _number(self, area_id: int | None) -> str:
        """The next that is free, behind the letters of the district."""
        code = self._district_of(area_id)
        numbers = (f"{self._prefixes[code]}{serial:04}" for serial in self._serials[code])
        return next(number for number in numbers if number not in self._numbers)

    def _district_of(self, area_id: int | None) -> str:
        """The code of the area's district; of the whole city's people and departments that of the file's own."""
        path = self._by_id[area_id].path if area_id is not None else ""
        chain = (self._by_id[int(part)] for part in path.strip("/").split("/") if part)
        return next((area.code for area in chain if area.level == Level.DISTRICT), self.district.code)

    def _name(self) -> str:
        return next(self._names)

    def _level(self, level: Level) -> list[Area]:
        return sorted((a for a in self.areas.values() if a.level == level), key=lambda area: area.code)


def _given_names() -> Iterator[str]:
    yield from _GIVEN
    for first, second in product(_FIRST_LETTERS, _SECOND_LETTERS):
        if first + second not in _GIVEN:
            yield first + second
