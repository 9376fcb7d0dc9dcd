"""What `make demo` loads: a city with its departments, one account a role, field workers and routing."""

import re
from collections import Counter
from io import StringIO

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse

from dispatch.models import EscalationTarget, RoutingRule
from dispatch.routing import propose
from gridgov.common import clock
from gridgov.common.errors import FieldError
from gridgov.common.models import AuditEntry, User
from gridgov.management import seeding
from grids import permissions
from grids.models import Area, Component, Level
from grids.spatial import areas
from incidents.catalogue import catalogue
from personnel.models import Department, Posting, Worker
from personnel.roles import ROLE_CAPABILITIES, Role
from personnel.selectors import department_tree, worker_of_grid

pytestmark = pytest.mark.django_db
PASSWORD = "changed-on-2026"


def seed(**options):
    out = StringIO()
    call_command("seed_reference", city="lanzhou", stdout=out, **options)
    return out.getvalue()


def today():
    return clock.local_date(clock.now())


def counts():
    models = (User, Worker, Posting, Department, Area, RoutingRule, EscalationTarget, AuditEntry, Component)
    return tuple(model.objects.count() for model in models)


@pytest.fixture(scope="module")
def printed(django_db_setup, django_db_blocker):
    """What the first run says. Its rows stand for the whole module: loading them takes seconds."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield seed()
        transaction.set_rollback(True)


def test_seed_gives_one_account_a_role_whose_printed_password_signs_in(printed):
    listed = dict(re.findall(r"^\S+ +(\w+) +((?:\w{4}-){3}\w{4}) ", printed, re.MULTILINE))
    assert len(listed) == 14  # one a role, and the chief who closes where the other decided a request
    assert len(set(listed.values())) == 14
    for login, password in listed.items():
        assert authenticate(HttpRequest(), username=login, password=password) is not None, login
    held = Posting.objects.filter(worker__user__username__in=listed).values_list("role", flat=True)
    assert set(held) == set(Role.values)


def test_every_grid_has_its_worker_and_every_handler_department_somebody(printed):
    grids = Area.objects.filter(level=Level.GRID).values_list("pk", flat=True)
    assert len(grids) == 1748
    assert all(worker_of_grid(grid, today()) for grid in list(grids)[::50])
    assert Posting.objects.filter(role="grid_worker", area__level=Level.COMMUNITY).count() == 1175
    tree = department_tree()
    assert len([d for d in tree.all() if d.kind == "bureau"]) == 8 * 16
    assert len([d for d in tree.all() if d.kind == "centre"]) == 14 + 7
    handlers, heads = staff("department_handler"), staff("department_head")
    for department in tree.all():
        if department.kind == "section":
            assert handlers[department.id], department.name
        if department.kind == "bureau":
            assert heads[department.id] == 1, department.name
            assert any(handlers[pk] for pk in tree.below(department.id)), department.name


def staff(role):
    return Counter(Posting.objects.filter(role=role).values_list("department_id", flat=True))


def test_every_district_has_a_desk_of_its_own(printed):
    desk = {"acceptor", "duty_chief", "dispatcher", "verifier", "supervisor"}
    for district in Area.objects.filter(level=Level.DISTRICT):
        held = Posting.objects.filter(area=district).values_list("role", flat=True)
        assert sorted(held) == sorted(desk), district.name
    people = Posting.objects.filter(area__code="620123", role="dispatcher").values_list("worker__number", flat=True)
    assert [number[:2] for number in people] == ["YZ"]


def test_seeded_people_have_the_groups_and_the_audit_that_posting_one_by_one_gives(printed):
    posting = Posting.objects.get(role="grid_worker", area__code="620123100001")
    (group,) = posting.worker.user.groups.all()
    assert group.name == f"grid_worker@{posting.area_id}"
    assert permissions.grants_of(posting.worker.user, today()) == {
        (capability.value, posting.area_id) for capability in ROLE_CAPABILITIES[Role.GRID_WORKER]
    }
    trail = AuditEntry.objects.filter(object_type="personnel.Posting", object_id=posting.pk).values_list(
        "action", "detail"
    )
    assert [(action, detail["area"]) for action, detail in trail] == [("posting.begin", posting.area_id)]
    assert AuditEntry.objects.filter(action="worker.hire").count() == Worker.objects.count()
    assert AuditEntry.objects.filter(action="posting.begin").count() == Posting.objects.count()
    assert User.objects.filter(is_staff=True).count() == 3
    assert permissions.sync_members(today()) == (0, 0)


def test_people_of_xigu_keep_their_names_and_logins(printed):
    names = dict(User.objects.values_list("username", "name"))
    assert (names["w620104001001"], names["w620104001003"], names["head-xg-dl"]) == ("王建军", "李建军", "吴春梅")
    assert {"acceptor_city", "grid_worker_2", "department_head_2", "staff-wg-620104001"} <= names.keys()


def test_people_not_listed_cannot_sign_in(printed):
    listed = [row["login"] for row in seeding.read("lanzhou")["accounts"]]
    others = User.objects.exclude(username__in=listed)
    assert others.count() == 1489
    assert not any(user.has_usable_password() for user in others)


def test_second_run_changes_nothing_and_says_that_the_accounts_exist(printed):
    before = counts()
    said = seed(password=PASSWORD)
    assert counts() == before
    assert said.count("（已存在，密码未变）") == 14
    assert PASSWORD not in said
    assert authenticate(HttpRequest(), username="acceptor", password=PASSWORD) is None


def test_passwords_are_reset_when_asked(printed):
    seed(password=PASSWORD, reset_passwords=True)
    assert authenticate(HttpRequest(), username="acceptor", password=PASSWORD) is not None


def test_weak_password_is_refused_and_nothing_changed(printed):
    before = counts()
    User.objects.filter(username="acceptor").update(username="was_acceptor")
    with pytest.raises(CommandError, match="password"):
        seed(password="12345678")
    assert counts() == before


def test_routing_names_known_categories_and_departments_and_covers_every_class(printed):
    content = seeding.read("lanzhou")["routing"]
    held = catalogue()
    departments = {row["code"] for row in seeding.read("lanzhou")["departments"]}
    for row in content:
        assert bool(row.get("category")) != bool(row.get("standard"))
        if "category" in row:
            assert held.category_by_code(row["category"]), row
        else:
            assert held.standard_by_code(row["standard"]), row
        assert {row["lead"], *row.get("joint", ())} <= departments, row
    assert {c.code for c in held.categories()} <= {row.get("category") for row in content}


def test_routing_of_the_template_names_known_subjects_and_departments_and_covers_every_class(printed):
    template, held = seeding.read("lanzhou")["template"], catalogue()
    departments = {row["code"] for row in template["departments"]}
    for row in template["routing"]:
        assert {row["lead"], *row.get("joint", ())} <= departments, row
    assert {c.code for c in held.categories()} <= {row.get("category") for row in template["routing"]}


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
    grid = Area.objects.get(level=Level.GRID, code="620104001001001")
    found = propose(
        standard_id=held.standard_by_code(standard).id if standard else None,
        category_id=held.category_by_code(category).id, chain=areas.chain(grid.pk), zone_ids=(), at=clock.now(),
    )  # fmt: skip
    assert tree.find(found.lead_department_id).code == lead
    assert [tree.find(i).code for i in found.joint_ids] == joint


@pytest.mark.parametrize("district", ["620102", "620104", "620121"])
def test_every_reportable_category_finds_a_department_of_the_district(printed, district):
    place = Area.objects.get(level=Level.DISTRICT, code=district)
    chain = areas.chain(Area.objects.filter(level=Level.GRID, path__startswith=place.path).first().pk)
    held, tree, handlers = catalogue(), department_tree(), staff("department_handler")
    for parent in held.categories():
        for category in held.categories(parent.id):
            found = propose(standard_id=None, category_id=category.id, chain=chain, zone_ids=(), at=clock.now())
            lead = tree.find(found.lead_department_id)
            assert lead is not None, category.code
            assert handlers[lead.id], category.code
            assert {tree.find(pk).area_id for pk in (lead.id, *found.joint_ids)} == {place.pk}


def test_scanned_component_of_the_demo_can_be_reported(printed, client):
    component = Component.objects.get(code="6201040118000001")
    assert areas.get(component.area_id).code == "620104001001001"
    page = client.get(reverse("pages:scan", args=[component.qr_token]))
    assert page.status_code == 200
    assert "路灯001号" in page.content.decode()
    assert "GS(2024)0650" in areas.get(component.root_id).attribution


def test_components_lie_in_grids_of_xigu_by_the_pattern_with_tokens_of_their_own(printed):
    found = list(Component.objects.select_related("area").defer("area__boundary"))
    assert len(found) == 120
    assert Counter(c.type_code for c in found) == {"0118": 60, "0102": 24, "0103": 16, "0305": 20}
    assert all(re.fullmatch(r"620104\d{10}", c.code) and c.code[6:10] == c.type_code for c in found)
    assert all(c.area.level == Level.GRID and c.area.code.startswith("620104") for c in found)
    assert len({c.qr_token for c in found}) == 120


def test_component_changed_by_hand_stays_as_it_is(printed):
    Component.objects.filter(code="6201040118000002").update(state="damaged")
    token = Component.objects.get(code="6201040118000001").qr_token
    assert seeding.seed_components("lanzhou") == 0
    assert seeding.lamp_token() == token
    assert Component.objects.get(code="6201040118000002").state == "damaged"


def test_city_that_is_not_loaded_is_refused(db, monkeypatch):
    monkeypatch.setattr(seeding, "read", lambda city: {"root": "999999"})
    with pytest.raises(FieldError) as caught:
        seeding.seed_people("nowhere")
    assert caught.value.field == "root"
