"""The demonstration: a real city, sample departments, and one account a role. Nobody in it is a real person."""

import json
import secrets
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from grids.cities import load_city
from grids.models import Area
from personnel import services
from personnel.models import Department, Posting, Worker
from personnel.roles import Role

FILE = Path(__file__).resolve().parent / "data" / "demo.json"
# Postings begin well before any day that a demonstration shows.
_SINCE = date(2024, 1, 1)


@dataclass(frozen=True, slots=True)
class Account:
    """One line of the printed list. ``place`` is the area or department of the posting."""

    login: str
    role: str
    place: str


def password(path: Path) -> str:
    """The one password of all demonstration accounts: made at random once, then read from ``path``."""
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        # Three groups that can be read to a colleague.
        path.write_text("-".join(secrets.token_hex(2) for _ in range(3)) + "\n", encoding="ascii")
        return path.read_text(encoding="ascii").strip()


def load(*, password: str) -> list[Account]:
    """City, departments, people and postings of ``demo.json`` stand; what stands already is left as it is."""
    data = json.loads(FILE.read_text(encoding="utf-8"))
    root, _ = load_city(data["city"])
    departments = _load_departments(root, data["departments"])
    return [_load_person(root, departments, row, password) for row in data["people"]]


def _area(root: Area, code: str) -> Area:
    return root if code == root.code else Area.objects.get(path__startswith=root.path, code=code)


def _load_departments(root: Area, rows: list[dict[str, Any]]) -> dict[str, Department]:
    found: dict[str, Department] = {}
    for row in rows:
        found[row["code"]] = services.save_department(
            root=root,
            code=row["code"],
            name=row["name"],
            kind=row["kind"],
            parent=found.get(row.get("parent", "")),
            area=_area(root, row["area"]) if "area" in row else None,
        )
    return found


def _load_person(root: Area, departments: dict[str, Department], row: dict[str, Any], password: str) -> Account:
    role = Role(row["role"])
    area = _area(root, row["area"]) if "area" in row else None
    department = departments.get(row.get("department", ""))
    place = {"area": area} if area else {"department": department}
    worker = Worker.objects.filter(user__username=row["login"]).first()
    if worker is None:
        worker = services.hire(
            login=row["login"],
            name=row["name"],
            number=f"DEMO-{row['login']}",
            department=department,
            root=root,
            password=password,
        )
    if not Posting.objects.filter(worker=worker, role=role, ends_on=None, **place).exists():
        services.post(worker=worker, role=role, starts_on=_SINCE, **place)
    return Account(row["login"], str(role.label), str((area or department).name))
