"""Writing departments, people and postings: what stands afterwards, and who is refused."""

from datetime import date, timedelta

import pytest
from django.contrib.auth import authenticate
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from gridgov.common import clock
from gridgov.common.errors import FieldError, NotPermitted
from gridgov.common.models import AuditEntry, User
from grids import permissions
from grids.capabilities import Capability
from grids.models import Area, AreaMembership, Component
from grids.spatial import areas
from personnel import services
from personnel.models import ComponentDuty, Department, Posting, Worker
from personnel.roles import Role
from personnel.selectors import department_tree
from personnel.tasks import sync_members

DAY = timedelta(days=1)


def today():
    return clock.local_date(clock.now())


def may(user, capability, area, on=None):
    """Whether the user holds the capability in the area, as everything that asks does."""
    return permissions.may(permissions.grants_of(user, on or today()), capability, areas.get(area.pk).ancestors)


@pytest.fixture
def newcomer(world):
    return services.hire(login="newcomer", name="新来的", number="N001")


def audited(action):
    return AuditEntry.objects.filter(action=action).first()


# --- departments ----------------------------------------------------------------------------------------------


def test_department_stands_in_the_tree(world):
    section = services.save_department(
        root=world.root, code="SW-1", name="排水科", kind="section", parent=world.departments["SW"]
    )
    assert section.path == f"/{world.departments['SW'].pk}/{section.pk}/"
    assert department_tree().full_name(section.pk) == "水务局／排水科"
    assert audited("department.create").object_id == str(section.pk)


def test_department_said_again_changes_nothing(world):
    before = AuditEntry.objects.count()
    given = {"root": world.root, "code": "SW", "name": "水务局", "kind": "bureau"}
    assert services.save_department(**given).pk == world.departments["SW"].pk
    assert AuditEntry.objects.count() == before
    services.save_department(**given | {"name": "区水务局"})
    assert audited("department.change").detail["changes"].keys() == {"name"}
    assert department_tree().name(world.departments["SW"].pk) == "区水务局"


def test_move_takes_everything_below_along(world):
    bureau, other = world.departments["CG"], world.departments["ZJ"]
    services.move_department(department=bureau, parent=other)
    section = Department.objects.get(code="CG-SZ")
    assert section.path == f"/{other.pk}/{bureau.pk}/{section.pk}/"
    assert department_tree().below(other.pk) == {other.pk, bureau.pk, section.pk, world.departments["CG-SR"].pk}
    assert audited("department.move").detail == {"changes": {"parent": [None, other.pk]}, "moved": 3}


@pytest.mark.parametrize("target", ["CG", "CG-SZ"])
def test_move_into_itself_is_refused(world, target):
    before = world.departments["CG"].path
    with pytest.raises(FieldError) as caught:
        services.move_department(department=world.departments["CG"], parent=world.departments[target])
    assert caught.value.field == "parent"
    assert Department.objects.get(code="CG").path == before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"code": " "}, "code"),
        ({"name": ""}, "name"),
        ({"kind": "club"}, "kind"),
        ({"kind": "team"}, "area"),
        ({"kind": "centre"}, "area"),
    ],
)
def test_wrong_department_is_refused(world, change, field):
    with pytest.raises(FieldError) as caught:
        services.save_department(**{"root": world.root, "code": "X", "name": "某局", "kind": "bureau"} | change)
    assert caught.value.field == field
    assert not Department.objects.filter(code="X").exists()


def test_department_belongs_to_a_city_and_its_area_to_that_city(world):
    with pytest.raises(FieldError) as caught:
        services.save_department(root=world.areas["620901"], code="X", name="某局", kind="bureau")
    assert caught.value.field == "root"


def test_department_with_people_is_not_switched_off(world):
    with pytest.raises(FieldError) as caught:
        services.save_department(root=world.root, code="CG", name="城市管理局", kind="bureau", is_active=False)
    assert caught.value.field == "is_active"
    services.save_department(root=world.root, code="CG-SR", name="市容环卫科", kind="section",
                             parent=world.departments["CG"], is_active=False)  # fmt: skip
    assert not Department.objects.get(code="CG-SR").is_active


# --- people ---------------------------------------------------------------------------------------------------


def test_hired_without_password_cannot_sign_in(world, newcomer):
    assert not newcomer.user.has_usable_password()
    assert (newcomer.name, newcomer.phone) == ("新来的", "")
    assert authenticate(HttpRequest(), username="newcomer", password="") is None


def test_hired_with_password_signs_in(world):
    services.hire(login="ming", name="明", number="N2", phone=" 13800001111 ", password="changed-2026")
    user = authenticate(HttpRequest(), username="ming", password="changed-2026")
    assert user.worker.phone == "13800001111"
    assert "changed" not in str(audited("worker.hire").detail)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"login": "acceptor"}, "login"),
        ({"login": "有 空格"}, "login"),
        ({"login": ""}, "login"),
        ({"number": "G001"}, "number"),
        ({"name": " "}, "name"),
        ({"name": "长" * 61}, "name"),
        ({"password": "12345678"}, "password"),
    ],
)
def test_wrong_hire_is_refused_and_leaves_no_account(world, change, field):
    before = User.objects.count()
    with pytest.raises(FieldError) as caught:
        services.hire(**{"login": "fresh", "name": "新", "number": "N9"} | change)
    assert caught.value.field == field
    assert User.objects.count() == before


def test_who_leaves_loses_everything(world):
    worker, user = world.workers["dispatcher"], world.people["dispatcher"]
    assert may(user, Capability.DISPATCH, world.areas["620901"])
    services.post(worker=worker, role="verifier", area=world.areas["620902"], starts_on=today() + 9 * DAY)
    services.leave(worker=worker, on=today() - DAY, reason="调离")
    user.refresh_from_db()
    assert not user.is_active
    assert not AreaMembership.objects.filter(user=user, ends_on__isnull=True).exists()
    assert [p.ended_reason for p in Posting.objects.filter(worker=worker)] == ["调离"]
    assert not may(user, Capability.DISPATCH, world.areas["620901"])
    with pytest.raises(FieldError, match="已离职"):
        services.post(worker=worker, role="dispatcher", area=world.areas["620901"], starts_on=today())


def test_system_administrator_does_not_remove_the_other_administrators(world):
    for login in ("audit_admin", "security_admin"):
        with pytest.raises(NotPermitted) as refused:
            services.leave(worker=world.workers[login], on=today(), reason="调离", by=world.people["system_admin"])
        assert refused.value.missing == "manage_security"
        assert User.objects.get(username=login).is_active
        assert not Posting.objects.filter(worker=world.workers[login], ends_on__isnull=False).exists()
    services.leave(worker=world.workers["dispatcher"], on=today(), reason="调离", by=world.people["system_admin"])
    assert not User.objects.get(username="dispatcher").is_active


def test_nobody_leaves_tomorrow(world):
    with pytest.raises(FieldError) as caught:
        services.leave(worker=world.workers["verifier"], on=today() + DAY, reason="调离")
    assert caught.value.field == "on"


def test_transfer_changes_the_department_and_no_posting(world):
    worker = world.workers["department_handler"]
    services.transfer_worker(worker=worker, department=world.departments["ZJ"])
    assert Worker.objects.get(pk=worker.pk).department.code == "ZJ"
    assert Posting.objects.get(worker=worker).department.code == "CG-SZ"


# --- postings -------------------------------------------------------------------------------------------------


def test_posting_gives_the_roles_capabilities_in_the_area_and_below_and_nowhere_else(world, newcomer):
    street, sibling = world.areas["620901001"], world.areas["620901002"]
    assert not may(newcomer.user, Capability.ACCEPT, street)
    services.post(worker=newcomer, role="acceptor", area=street, starts_on=today())
    assert may(newcomer.user, Capability.ACCEPT, street)
    assert may(newcomer.user, Capability.ACCEPT, world.areas["620901001001001"])
    assert not may(newcomer.user, Capability.ACCEPT, sibling)
    assert not may(newcomer.user, Capability.ACCEPT, world.areas["620901"])
    assert not may(newcomer.user, Capability.FILE, street)
    assert newcomer.user.groups.get().name == f"acceptor@{street.pk}"
    assert audited("posting.begin").detail["role"] == "acceptor"


def test_posting_holds_on_its_days_only(world, newcomer):
    area = world.areas["620901"]
    services.post(worker=newcomer, role="verifier", area=area, starts_on=today() + DAY, ends_on=today() + 3 * DAY)
    held = [may(newcomer.user, Capability.VERIFY, area, today() + n * DAY) for n in range(5)]
    assert held == [False, True, True, True, False]
    assert not newcomer.user.groups.exists()


def test_two_postings_never_add_up(world):
    user = world.people["two_hats"]
    west, east = world.areas["620901"], world.areas["620902"]
    assert may(user, Capability.DISPATCH, west)
    assert may(user, Capability.VERIFY, east)
    assert not may(user, Capability.DISPATCH, east)
    assert not may(user, Capability.VERIFY, west)


def test_department_posting_gives_nothing_in_any_area(world):
    for login in ("department_handler", "department_head"):
        assert permissions.grants_of(world.people[login], today()) == frozenset()


@pytest.mark.parametrize(
    ("role", "place", "field"),
    [
        ("acceptor", {}, "area"),
        ("acceptor", {"department": "CG"}, "area"),
        ("acceptor", {"area": "620901", "department": "CG"}, "department"),
        ("department_handler", {}, "department"),
        ("department_handler", {"area": "620901"}, "department"),
        ("department_head", {"area": "620901", "department": "CG"}, "area"),
        ("mayor", {"area": "620901"}, "role"),
    ],
)
def test_role_and_place_must_fit(world, newcomer, role, place, field):
    found = {key: (world.areas if key == "area" else world.departments)[code] for key, code in place.items()}
    with pytest.raises(FieldError) as caught:
        services.post(worker=newcomer, role=role, starts_on=today(), **found)
    assert caught.value.field == field
    assert not Posting.objects.filter(worker=newcomer).exists()


@pytest.mark.parametrize(
    ("starts", "ends", "fits"),
    [(0, None, False), (-30, -11, True), (-30, -10, False), (11, None, True), (10, 12, False), (-5, 5, False)],
)
def test_same_posting_does_not_overlap(world, newcomer, starts, ends, fits):
    area = world.areas["620901"]
    services.post(worker=newcomer, role="verifier", area=area, starts_on=today() - 10 * DAY, ends_on=today() + 10 * DAY)
    given = {
        "worker": newcomer, "role": "verifier", "area": area, "starts_on": today() + starts * DAY,
        "ends_on": None if ends is None else today() + ends * DAY,
    }  # fmt: skip
    if fits:
        services.post(**given)
    else:
        with pytest.raises(FieldError) as caught:
            services.post(**given)
        assert caught.value.code == "overlap"
    assert Posting.objects.filter(worker=newcomer).count() == 1 + fits


def test_end_before_start_is_refused(world, newcomer):
    with pytest.raises(FieldError) as caught:
        services.post(worker=newcomer, role="verifier", area=world.root, starts_on=today(), ends_on=today() - DAY)
    assert caught.value.field == "ends_on"


def test_ended_posting_gives_nothing_from_the_next_day(world):
    user, area = world.people["verifier"], world.areas["620901"]
    posting = Posting.objects.get(worker__user=user)
    services.end_posting(posting=posting, ends_on=today(), reason="轮岗")
    assert may(user, Capability.VERIFY, area)
    assert not may(user, Capability.VERIFY, area, today() + DAY)
    services.end_posting(posting=posting, ends_on=today() - DAY, reason="轮岗")
    assert not may(user, Capability.VERIFY, area)
    assert not user.groups.exists()
    assert audited("posting.end").detail["ends_on"] == (today() - DAY).isoformat()


@pytest.mark.parametrize(
    ("ends_on", "reason", "field"),
    [(date(2019, 12, 31), "x", "ends_on"), (date(2021, 1, 1), " ", "reason"), (date(2021, 1, 1), "长" * 201, "reason")],
)
def test_wrong_end_is_refused(world, ends_on, reason, field):
    posting = Posting.objects.get(worker=world.workers["verifier"])
    with pytest.raises(FieldError) as caught:
        services.end_posting(posting=posting, ends_on=ends_on, reason=reason)
    assert caught.value.field == field
    assert Posting.objects.get(pk=posting.pk).ends_on is None


def test_ended_posting_is_not_lengthened(world):
    posting = Posting.objects.get(worker=world.workers["verifier"])
    services.end_posting(posting=posting, ends_on=today() - 9 * DAY, reason="轮岗")
    with pytest.raises(FieldError, match="不能延长"):
        services.end_posting(posting=posting, ends_on=today(), reason="轮岗")


def test_posting_that_has_not_begun_is_withdrawn_without_trace_in_the_rights(world, newcomer):
    posting = services.post(worker=newcomer, role="verifier", area=world.root, starts_on=today() + DAY)
    services.withdraw_posting(posting=posting, reason="录错")
    assert not Posting.objects.filter(worker=newcomer).exists()
    assert not AreaMembership.objects.filter(user=newcomer.user).exists()
    assert audited("posting.withdraw").detail["worker"] == newcomer.pk
    begun = Posting.objects.get(worker=world.workers["verifier"])
    with pytest.raises(FieldError, match="已经开始"):
        services.withdraw_posting(posting=begun, reason="录错")


def test_database_holds_the_place_of_a_role_and_one_open_posting(world):
    worker, area = world.workers["verifier"], world.areas["620901"]
    for wrong in (
        {"role": "verifier", "area": None, "department": world.departments["CG"]},
        {"role": "department_head", "area": area, "department": None},
        {"role": "verifier", "area": area, "department": None},  # open already
        {"role": "mayor", "area": area, "department": None},
        {"role": "acceptor", "area": area, "department": None, "ends_on": date(2019, 1, 1)},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Posting.objects.create(**{"worker": worker, "starts_on": date(2020, 1, 1)} | wrong)


# --- the three administrators -----------------------------------------------------------------------------------


@pytest.mark.parametrize("first", sorted(["system_admin", "security_admin", "audit_admin"]))
@pytest.mark.parametrize("second", sorted(["system_admin", "security_admin", "audit_admin"]))
def test_nobody_holds_two_administrator_roles_at_once_wherever(world, newcomer, first, second):
    services.post(worker=newcomer, role=first, area=world.root, starts_on=today(), ends_on=today() + 9 * DAY)
    given = {"worker": newcomer, "role": second, "area": world.areas["620901"]}
    if first == second:
        services.post(starts_on=today() + DAY, **given)
        return
    with pytest.raises(FieldError) as caught:
        services.post(starts_on=today() + 9 * DAY, **given)
    assert (caught.value.field, caught.value.code) == ("role", "separation")
    services.post(starts_on=today() + 10 * DAY, **given)  # one after the other


@pytest.mark.parametrize("administrator", ["audit_admin", "security_admin"])
def test_who_watches_works_on_no_cases_and_who_does_watches_nobody(world, newcomer, administrator):
    days = {"starts_on": today(), "ends_on": today() + DAY}
    services.post(worker=newcomer, role=administrator, area=world.root, **days)
    with pytest.raises(FieldError) as caught:
        services.post(worker=newcomer, role="acceptor", area=world.areas["620901"], **days)
    assert (caught.value.field, caught.value.code) == ("role", "separation")
    with pytest.raises(FieldError, match="三权分立"):
        services.post(worker=world.workers["acceptor"], role=administrator, area=world.root, **days)


def test_person_without_department_is_hired_for_a_city(world):
    with pytest.raises(FieldError) as caught:
        services.hire(login="someone", name="某人", number="9001", by=world.people["system_admin"])
    assert caught.value.field == "root"


def test_system_administrator_may_hold_an_ordinary_role_beside(world):
    services.post(worker=world.workers["system_admin"], role="verifier", area=world.root, starts_on=today())
    assert may(world.people["system_admin"], Capability.VERIFY, world.root)


def test_administrator_enters_the_admin_pages_and_others_do_not(world):
    assert User.objects.get(username="audit_admin").is_staff
    assert not User.objects.get(username="acceptor").is_staff


# --- who may write ----------------------------------------------------------------------------------------------


@pytest.fixture
def manager_west(world, newcomer):
    """System administrator of 甲区 alone."""
    services.post(worker=newcomer, role="system_admin", area=world.areas["620901"], starts_on=today())
    return newcomer.user


def test_posting_needs_manage_people_there(world, manager_west):
    """In threes: without → refused, with → done, in the sibling district → refused."""
    worker = world.workers["nobody"]

    def post(by, district):
        return services.post(worker=worker, role="verifier", area=world.areas[district], starts_on=today(), by=by)

    with pytest.raises(NotPermitted) as caught:
        post(world.people["acceptor"], "620901")
    assert caught.value.missing == "manage_people"
    with pytest.raises(NotPermitted):
        post(manager_west, "620902")
    assert not Posting.objects.filter(worker=worker).exists()
    posting = post(manager_west, "620901")
    assert audited("posting.begin").actor == manager_west
    with pytest.raises(NotPermitted):
        services.end_posting(posting=posting, ends_on=today(), reason="x", by=world.people["acceptor"])
    services.end_posting(posting=posting, ends_on=today(), reason="轮岗", by=manager_west)


def test_administrators_are_posted_by_the_security_administrator_alone(world):
    given = {"worker": world.workers["nobody"], "role": "audit_admin", "area": world.root, "starts_on": today()}
    with pytest.raises(NotPermitted) as caught:
        services.post(by=world.people["system_admin"], **given)
    assert caught.value.missing == "manage_security"
    services.post(by=world.people["security_admin"], **given)
    with pytest.raises(NotPermitted):
        services.post(
            by=world.people["security_admin"], **given | {"role": "verifier", "worker": world.workers["acceptor"]}
        )


def test_nobody_posts_himself(world):
    user, worker = world.people["system_admin"], world.workers["system_admin"]
    with pytest.raises(NotPermitted) as caught:
        services.post(worker=worker, role="leader", area=world.root, starts_on=today(), by=user)
    assert caught.value.missing == "not_oneself"


def test_hire_and_departments_need_manage_people_in_threes(world, manager_west):
    with pytest.raises(NotPermitted):
        services.hire(login="a", name="甲", number="1", root=world.root, by=world.people["leader"])
    with pytest.raises(NotPermitted):
        services.hire(login="a", name="甲", number="1", root=world.root, by=manager_west)
    services.hire(login="a", name="甲", number="1", root=world.root, by=world.people["system_admin"])
    centre = {"root": world.root, "kind": "centre", "name": "中心"}
    for by, code, area, allowed in (
        (world.people["verifier"], "C1", "620901", False),
        (manager_west, "C2", "620902", False),
        (manager_west, "C3", "620901", True),
    ):
        if allowed:
            services.save_department(code=code, area=world.areas[area], by=by, **centre)
        else:
            with pytest.raises(NotPermitted):
                services.save_department(code=code, area=world.areas[area], by=by, **centre)
    assert set(Department.objects.filter(name="中心").values_list("code", flat=True)) == {"C3"}


# --- components and groups --------------------------------------------------------------------------------------


def test_duty_names_one_department_a_kind(world):
    component = Component.objects.create(
        root=world.root, code="6209010101000001", type_code="0101", lon=103.605, lat=36.055,
        area=world.areas["620901001001001"],
    )  # fmt: skip
    services.assign_duty(component=component, kind="maintains", department=world.departments["CG"])
    services.assign_duty(component=component, kind="maintains", department=world.departments["SW"])
    services.assign_duty(component=component, kind="owns", department=world.departments["ZJ"])
    found = dict(ComponentDuty.objects.values_list("kind", "department__code"))
    assert found == {"maintains": "SW", "owns": "ZJ"}
    services.assign_duty(component=component, kind="owns", department=None)
    assert ComponentDuty.objects.get().kind == "maintains"
    with pytest.raises(FieldError):
        services.assign_duty(component=component, kind="likes", department=None)


def test_daily_task_brings_groups_in_step_with_the_day(world, newcomer, monkeypatch):
    services.post(worker=newcomer, role="verifier", area=world.root, starts_on=today() + DAY)
    assert not newcomer.user.groups.exists()
    tomorrow = clock.now() + DAY
    monkeypatch.setattr(clock, "now", lambda: tomorrow)
    sync_members()
    assert newcomer.user.groups.get().name == f"verifier@{world.root.pk}"


def test_sync_roles_repairs_what_a_group_gives(world):
    area: Area = world.areas["620901"]
    permissions.set_role(role="verifier", capabilities=[Capability.CLOSE])
    assert may(world.people["verifier"], Capability.CLOSE, area)
    assert services.sync_roles() >= 1
    assert may(world.people["verifier"], Capability.VERIFY, area)
    assert not may(world.people["verifier"], Capability.CLOSE, area)
    assert services.sync_roles() == 0
    assert Role.VERIFIER.label == "核查员"


def test_security_administrator_takes_a_posting_and_gives_none(world):
    posting = Posting.objects.get(worker=world.workers["verifier"])
    for login in ("audit_admin", "acceptor"):
        with pytest.raises(NotPermitted):
            services.end_posting(posting=posting, ends_on=today(), reason="调查期间", by=world.people[login])
    services.end_posting(posting=posting, ends_on=today(), reason="调查期间", by=world.people["security_admin"])
    posting.refresh_from_db()
    assert (posting.ends_on, posting.ended_reason) == (today(), "调查期间")
