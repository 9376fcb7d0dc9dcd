"""What `make demo` loads: a city with its departments, one account a role, field workers and routing."""

import re
from io import StringIO

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.db import transaction

from dispatch.models import EscalationTarget, RoutingRule
from dispatch.routing import propose
from gridgov.common import clock
from gridgov.common.errors import FieldError
from gridgov.common.models import AuditEntry, User
from gridgov.management import seeding
from grids.models import Area, Level
from grids.spatial import areas
from incidents.catalogue import catalogue
from personnel.models import Department, Posting, Worker
from personnel.roles import Role
from personnel.selectors import department_tree, staff_of, worker_of_grid

pytestmark = pytest.mark.django_db
PASSWORD = "changed-on-2026"


def seed(**options):
    out = StringIO()
    call_command("seed_reference", city="xigu", stdout=out, **options)
    return out.getvalue()


def today():
    return clock.local_date(clock.now())


def counts():
    models = (User, Worker, Posting, Department, Area, RoutingRule, EscalationTarget, AuditEntry)
    return tuple(model.objects.count() for model in models)


@pytest.fixture(scope="module")
def printed(django_db_setup, django_db_blocker):
    """What the first run says. Its rows stand for the whole module: loading them takes seconds."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield seed()
        transaction.set_rollback(True)


def test_seed_gives_one_account_a_role_whose_printed_password_signs_in(printed):
    listed = dict(re.findall(r"^\S+ +(\w+) +((?:\w{4}-){3}\w{4}) ", printed, re.MULTILINE))
    assert len(listed) == 21
    assert len(set(listed.values())) == 21
    for login, password in listed.items():
        assert authenticate(username=login, password=password) is not None, login
    held = Posting.objects.filter(worker__user__username__in=listed).values_list("role", flat=True)
    assert set(held) == set(Role.values)


def test_every_grid_has_its_worker_and_every_handler_department_somebody(printed):
    grids = Area.objects.filter(level=Level.GRID).values_list("pk", flat=True)
    assert len(grids) == 311
    assert all(worker_of_grid(grid, today()) for grid in list(grids)[::10])
    assert Posting.objects.filter(role="grid_worker", area__level=Level.COMMUNITY).count() == 111
    tree = department_tree()
    assert len([d for d in tree.all() if d.kind == "bureau"]) == 16
    assert len([d for d in tree.all() if d.kind == "centre"]) == 14
    for department in tree.all():
        if department.kind == "section":
            assert staff_of(department.id, today(), role=Role.DEPARTMENT_HANDLER), department.name
        if department.kind == "bureau":
            assert len(staff_of(department.id, today(), role=Role.DEPARTMENT_HEAD)) == 1, department.name


def test_people_not_listed_cannot_sign_in(printed):
    listed = [row["login"] for row in seeding.read("xigu")["accounts"]]
    others = User.objects.exclude(username__in=listed)
    assert others.count() > 150
    assert not any(user.has_usable_password() for user in others)


def test_second_run_changes_nothing_and_says_that_the_accounts_exist(printed):
    before = counts()
    said = seed(password=PASSWORD)
    assert counts() == before
    assert said.count("（已存在，口令未变）") == 21
    assert PASSWORD not in said
    assert authenticate(username="acceptor", password=PASSWORD) is None


def test_passwords_are_reset_when_asked(printed):
    seed(password=PASSWORD, reset_passwords=True)
    assert authenticate(username="acceptor", password=PASSWORD) is not None


def test_weak_password_is_refused_and_nothing_changed(printed):
    before = counts()
    User.objects.filter(username="acceptor").update(username="was_acceptor")
    with pytest.raises(CommandError, match="password"):
        seed(password="12345678")
    assert counts() == before


def test_routing_names_known_categories_and_departments_and_covers_every_class(printed):
    content = seeding.read("xigu")["routing"]
    held = catalogue()
    departments = {row["code"] for row in seeding.read("xigu")["departments"]}
    for row in content:
        assert bool(row.get("category")) != bool(row.get("standard"))
        if "category" in row:
            assert held.category_by_code(row["category"]), row
        else:
            assert held.standard_by_code(row["standard"]), row
        assert {row["lead"], *row.get("joint", ())} <= departments, row
    assert {c.code for c in held.categories()} <= {row.get("category") for row in content}


@pytest.mark.parametrize(
    ("category", "standard", "lead", "joint"),
    [
        ("C0118", None, "XG-CG-SZ", []),
        ("C0102", None, "XG-SW-GP", []),
        ("E0403", None, "XG-ZJ-GY", ["XG-XF"]),
        ("S0204", "S0204-3", "XG-XJ-BL", []),
        ("S0204", "S0204-1", "XG-YJ-ZH", []),
    ],
)
def test_routing_proposes_the_department_of_the_class(printed, category, standard, lead, joint):
    held, tree = catalogue(), department_tree()
    grid = Area.objects.filter(level=Level.GRID).first()
    found = propose(
        standard_id=held.standard_by_code(standard).id if standard else None,
        category_id=held.category_by_code(category).id, chain=areas.chain(grid.pk), zone_ids=(), at=clock.now(),
    )  # fmt: skip
    assert tree.find(found.lead_department_id).code == lead
    assert [tree.find(i).code for i in found.joint_ids] == joint


def test_every_reportable_category_finds_a_department(printed):
    grid = areas.chain(Area.objects.filter(level=Level.GRID).first().pk)
    held = catalogue()
    for parent in held.categories():
        for category in held.categories(parent.id):
            found = propose(standard_id=None, category_id=category.id, chain=grid, zone_ids=(), at=clock.now())
            assert found.lead_department_id is not None, category.code
            assert staff_of(found.lead_department_id, today()), category.code


def test_city_that_is_not_loaded_is_refused(db, monkeypatch):
    monkeypatch.setattr(seeding, "read", lambda city: {"root": "999999", "district": "999999"})
    with pytest.raises(FieldError) as caught:
        seeding.seed_people("nowhere")
    assert caught.value.field == "root"
