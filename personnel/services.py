"""The only writers of departments, workers, postings and duties. Each call is one transaction and is audited.

``by`` is who does it, None for the system (load commands). A person needs ``manage_people`` where the department or
the posting is, and for a posting to one of the three administrator roles ``manage_security`` instead, with which any
posting may be ended; nobody appoints himself. Dates are civil dates, both inclusive.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from gridgov.common import audit, reference
from gridgov.common.errors import FieldError, NotPermitted
from gridgov.common.models import User
from gridgov.common.text import given_reason
from grids import permissions
from grids.capabilities import Capability
from grids.models import Area, Component
from personnel.models import ComponentDuty, Department, Posting, Worker
from personnel.roles import ADMINISTRATORS, AREA_ROLES, ROLE_CAPABILITIES, WATCHING, Role, area_capabilities
from personnel.rules import described, known_role, may, new_user, require, today
from personnel.selectors import DEPARTMENTS

# --- departments ----------------------------------------------------------------------------------------------


def save_department(
    *,
    root: Area,
    code: str,
    name: str,
    kind: str,
    parent: Department | None = None,
    area: Area | None = None,
    is_active: bool = True,
    by: User | None = None,
) -> Department:
    """The department ``code`` of the city ``root`` stands as given; saying the same again changes nothing."""
    code, name = code.strip(), name.strip()
    if not code:
        raise FieldError("code", _("编码不能为空"))
    if not name:
        raise FieldError("name", _("名称不能为空"))
    if kind not in Department.Kind.values:
        raise FieldError("kind", _("未知的部门类型：%s") % kind)
    if root.parent_id is not None:
        raise FieldError("root", _("部门须属于一个城市"))
    if area is not None and area.root_id != root.pk:
        raise FieldError("area", _("区域不在该城市内"))
    if area is None and kind in (Department.Kind.TEAM, Department.Kind.CENTRE):
        raise FieldError("area", _("网格队伍和指挥中心须有所在区域"))
    require(by, Capability.MANAGE_PEOPLE, area.pk if area else root.pk)
    with transaction.atomic():
        found = Department.objects.select_for_update().filter(root=root, code=code).first()
        if found is None:
            _check_parent(None, root, parent)
            department = Department.objects.create(
                root=root, code=code, name=name, kind=kind, parent=parent, area=area, is_active=is_active
            )
            department.path = f"{parent.path if parent else '/'}{department.pk}/"
            Department.objects.filter(pk=department.pk).update(path=department.path)
            _announce("department.create", by, department, {"code": code, "kind": kind})
            return department
        if found.parent_id != (parent.pk if parent else None):
            _move(found, parent, by)
        if found.is_active and not is_active:
            _check_idle(found)
        wanted: dict[str, Any] = {"name": name, "kind": kind, "area_id": area.pk if area else None}
        wanted["is_active"] = is_active
        changed = [field for field, value in wanted.items() if getattr(found, field) != value]
        if changed:
            before = audit.state(found)
            for field in changed:
                setattr(found, field, wanted[field])
            found.save(update_fields=changed)
            _announce("department.change", by, found, {"changes": audit.changes(before, audit.state(found))})
        return found


def move_department(*, department: Department, parent: Department | None, by: User | None = None) -> Department:
    """The department with everything below it stands under ``parent`` (None: at the top)."""
    require(by, Capability.MANAGE_PEOPLE, department.root_id)
    with transaction.atomic():
        found = Department.objects.select_for_update().get(pk=department.pk)
        _move(found, parent, by)
    return found


def _move(department: Department, parent: Department | None, by: User | None) -> None:
    if department.parent_id == (parent.pk if parent else None):
        return
    _check_parent(department, department.root, parent)
    was, before, department.parent = department.parent_id, department.path, parent
    department.path = f"{parent.path if parent else '/'}{department.pk}/"
    below = list(Department.objects.filter(path__startswith=before).exclude(pk=department.pk))
    for other in below:
        other.path = department.path + other.path[len(before) :]
    Department.objects.bulk_update([department, *below], ["parent", "path"])
    detail = {"changes": {"parent": [was, department.parent_id]}, "moved": 1 + len(below)}
    _announce("department.move", by, department, detail)


def _check_parent(department: Department | None, root: Area, parent: Department | None) -> None:
    if parent is None:
        return
    if parent.root_id != root.pk:
        raise FieldError("parent", _("上级部门属于另一个城市"))
    if department is not None and parent.path.startswith(department.path):
        raise FieldError("parent", _("不能移到自身或其下级之下"))


def _check_idle(department: Department) -> None:
    below = Q(department__path__startswith=department.path)
    if Posting.objects.filter(below, Q(ends_on__isnull=True) | Q(ends_on__gt=today())).exists():
        raise FieldError("is_active", _("部门或其下级仍有在任人员，不能停用"))


def _announce(action: str, by: User | None, department: Department, detail: dict[str, Any]) -> None:
    audit.record(action=action, actor=by, obj=department, detail=detail)
    reference.touch(DEPARTMENTS)


# --- people ---------------------------------------------------------------------------------------------------


def hire(
    *,
    login: str,
    name: str,
    number: str,
    phone: str = "",
    department: Department | None = None,
    root: Area | None = None,
    password: str | None = None,
    by: User | None = None,
) -> Worker:
    """A new account and its worker. Without ``password`` nobody can sign in until one is set.

    ``root`` names the city of somebody without a department (needed when ``by`` is a person).
    """
    if by is not None and not by.is_superuser and department is None and root is None:
        raise FieldError("root", _("没有部门的人员须选择城市"))
    require(by, Capability.MANAGE_PEOPLE, _place_of(department, root))
    user, number = new_user(login=login, name=name, number=number, phone=phone, password=password)
    user.password_is_initial = by is not None  # type: ignore[attr-defined]  # its owner replaces it at first
    with transaction.atomic():
        if User.objects.filter(username=user.username).exists():
            raise FieldError("login", _("账号已存在：%s") % user.username, code="taken")
        if Worker.objects.filter(number=number).exists():
            raise FieldError("number", _("工号已存在：%s") % number, code="taken")
        user.save()
        worker = Worker.objects.create(user=user, number=number, department=department)
        audit.record(
            action="worker.hire", actor=by, obj=worker, detail={"department": department.pk if department else None}
        )
    return worker


def transfer_worker(*, worker: Worker, department: Department | None, by: User | None = None) -> Worker:
    """The worker belongs to ``department``. Postings stay: they are ended and begun by themselves."""
    require(by, Capability.MANAGE_PEOPLE, _place_of(worker.department, department.root if department else None))
    if department is not None:
        require(by, Capability.MANAGE_PEOPLE, department.root_id)
    with transaction.atomic():
        if Worker.objects.filter(pk=worker.pk).exclude(department=department).update(department=department):
            audit.record(
                action="worker.transfer",
                actor=by,
                obj=worker,
                detail={"changes": {"department": [worker.department_id, department.pk if department else None]}},
            )
    worker.department = department
    return worker


def leave(*, worker: Worker, on: date, reason: str, by: User | None = None) -> Worker:
    """The worker's last day is ``on`` (today or before): every posting ends, the account signs in no more."""
    if on > today():
        raise FieldError("on", _("离职日期不能晚于今天"))
    reason = given_reason(reason)
    require(by, Capability.MANAGE_PEOPLE, _place_of(worker.department, None, worker))
    with transaction.atomic():
        worker = Worker.objects.select_for_update().get(pk=worker.pk)
        open_postings = Posting.objects.filter(Q(ends_on__isnull=True) | Q(ends_on__gt=on), worker=worker)
        for posting in open_postings:
            # nobody takes by this what he may not end by itself: an administrator's posting, or one elsewhere
            _require_for(by, posting)
            if posting.starts_on > on:
                _withdraw(posting, reason, by)
            else:
                _end(posting, on, reason, by)
        Worker.objects.filter(pk=worker.pk).update(is_active=False)
        User.objects.filter(pk=worker.user_id).update(is_active=False)
        worker.is_active = False
        audit.record(action="worker.leave", actor=by, obj=worker, detail={"on": on.isoformat(), "reason": reason})
    return worker


# --- postings -------------------------------------------------------------------------------------------------


def post(
    *,
    worker: Worker,
    role: str,
    area: Area | None = None,
    department: Department | None = None,
    starts_on: date,
    ends_on: date | None = None,
    by: User | None = None,
) -> Posting:
    """The worker holds ``role`` in ``area`` (area roles) or ``department`` (department roles) on those days.

    FieldError where the place does not fit the role, the days overlap a posting to the same, a second
    administrator role would be held, or any other beside 安全管理员 or 审计管理员.
    """
    role = known_role(role, area=area, department=department, starts_on=starts_on, ends_on=ends_on)
    needed = Capability.MANAGE_SECURITY if role in ADMINISTRATORS else Capability.MANAGE_PEOPLE
    require(by, needed, area.pk if area else _place_of(department, None))
    if by is not None and by.pk == worker.user_id:
        raise NotPermitted(_("不能给自己任职"), missing="not_oneself")
    with transaction.atomic():
        worker = Worker.objects.select_for_update().select_related("user").get(pk=worker.pk)
        if not worker.is_active:
            raise FieldError("worker", _("该人员已离职"))
        _check_days(worker, role, area, department, starts_on, ends_on)
        posting = Posting.objects.create(
            worker=worker, role=role, area=area, department=department, starts_on=starts_on, ends_on=ends_on
        )
        if area is not None:
            permissions.grant(
                user=worker.user,
                role=role.value,
                area=area,
                capabilities=area_capabilities(role),
                starts_on=starts_on,
                ends_on=ends_on,
                posting_ref=posting.reference,
            )
        if role in ADMINISTRATORS and not worker.user.is_staff:
            # lets them reach the admin pages; what they may do there is asked of their postings
            User.objects.filter(pk=worker.user_id).update(is_staff=True)
        audit.record(action="posting.begin", actor=by, obj=posting, detail=described(posting))
    return posting


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """Somebody to be hired and posted: to ``area`` or to ``department``, as the role wants. See :func:`appoint`."""

    login: str
    name: str
    number: str
    role: str
    area: Area | None = None
    department: Department | None = None
    password: str | None = None


def appoint(*, newcomers: Iterable[Newcomer], starts_on: date, by: User | None = None) -> list[Worker]:
    """Each is hired, as by :func:`hire`, and posted from ``starts_on`` until further notice, as by :func:`post`.

    In one transaction and some statements for all of them; passwords are hashed before. FieldError for what does not
    fit anybody: then nobody is hired.
    """
    new = list(newcomers)
    for field, word in (("login", _("账号")), ("number", _("工号"))):
        values = [getattr(one, field).strip() for one in new]
        twice = next((value for value, count in Counter(values).items() if count > 1), None)
        if twice is not None:
            raise FieldError(field, _("%(word)s重复：%(value)s") % {"word": word, "value": twice}, code="taken")
    roles, people = [], []
    for one in new:
        role = known_role(one.role, area=one.area, department=one.department, starts_on=starts_on)
        require(by, Capability.MANAGE_PEOPLE, one.area.root_id if one.area else _place_of(one.department, None))
        needed = Capability.MANAGE_SECURITY if role in ADMINISTRATORS else Capability.MANAGE_PEOPLE
        require(by, needed, one.area.pk if one.area else _place_of(one.department, None))
        user, number = new_user(login=one.login, name=one.name, number=one.number, phone="", password=one.password)
        # lets them reach the admin pages; what they may do there is asked of their postings
        user.is_staff = role in ADMINISTRATORS
        roles.append(role)
        people.append((user, number))
    with transaction.atomic():
        _refuse_taken(people)
        users = User.objects.bulk_create([user for user, _number in people])
        workers = Worker.objects.bulk_create(
            Worker(user=user, number=number, department=one.department)
            for user, (_user, number), one in zip(users, people, new, strict=True)
        )
        postings = Posting.objects.bulk_create(
            Posting(worker=worker, role=role, area=one.area, department=one.department, starts_on=starts_on)
            for worker, role, one in zip(workers, roles, new, strict=True)
        )
        for role in sorted(set(roles) & AREA_ROLES):
            permissions.grant_all(
                role=role.value,
                capabilities=area_capabilities(role),
                posts=[
                    permissions.Post(posting.worker.user_id, posting.area_id, posting.reference)
                    for posting in postings
                    if posting.role == role
                ],
                starts_on=starts_on,
            )
        audit.record_all(
            action="worker.hire", actor=by, rows=[(worker, {"department": worker.department_id}) for worker in workers]
        )
        audit.record_all(action="posting.begin", actor=by, rows=[(posting, described(posting)) for posting in postings])
    return workers


def _refuse_taken(people: Sequence[tuple[User, str]]) -> None:
    for start in range(0, len(people), 400):  # below SQLite's limit of parameters in a statement
        chunk = people[start : start + 400]
        login = User.objects.filter(username__in=[user.username for user, _number in chunk]).first()
        if login is not None:
            raise FieldError("login", _("账号已存在：%s") % login.username, code="taken")
        number = Worker.objects.filter(number__in=[number for _user, number in chunk]).first()
        if number is not None:
            raise FieldError("number", _("工号已存在：%s") % number.number, code="taken")


def end_posting(*, posting: Posting, ends_on: date, reason: str, by: User | None = None) -> Posting:
    """The posting's last day is ``ends_on``. It may be shortened, never lengthened: that is a new posting."""
    reason = given_reason(reason)
    _require_for(by, posting)
    with transaction.atomic():
        posting = Posting.objects.select_for_update().get(pk=posting.pk)
        if ends_on < posting.starts_on:
            raise FieldError("ends_on", _("结束日期早于开始日期"))
        if posting.ends_on is not None and ends_on > posting.ends_on:
            raise FieldError("ends_on", _("任职已于 %s 结束，不能延长，请另行任职") % posting.ends_on.isoformat())
        _end(posting, ends_on, reason, by)
    return posting


def withdraw_posting(*, posting: Posting, reason: str, by: User | None = None) -> None:
    """A posting that has not begun never was; the audit trail keeps it."""
    reason = given_reason(reason)
    _require_for(by, posting)
    with transaction.atomic():
        posting = Posting.objects.select_for_update().get(pk=posting.pk)
        if posting.starts_on <= today():
            raise FieldError("starts_on", _("任职已经开始，只能结束，不能撤销"))
        _withdraw(posting, reason, by)


def sync_roles() -> int:
    """Every area role gives exactly what ``ROLE_CAPABILITIES`` says, after an upgrade too. Groups changed."""
    return sum(permissions.set_role(role=role.value, capabilities=ROLE_CAPABILITIES[role]) for role in AREA_ROLES)


def _end(posting: Posting, ends_on: date, reason: str, by: User | None) -> None:
    if posting.ends_on == ends_on and posting.ended_reason == reason:
        return
    posting.ends_on, posting.ended_reason = ends_on, reason
    posting.save(update_fields=["ends_on", "ended_reason"])
    permissions.end(posting_ref=posting.reference, ends_on=ends_on)
    audit.record(action="posting.end", actor=by, obj=posting, detail=described(posting) | {"reason": reason})


def _withdraw(posting: Posting, reason: str, by: User | None) -> None:
    audit.record(action="posting.withdraw", actor=by, obj=posting, detail=described(posting) | {"reason": reason})
    permissions.end(posting_ref=posting.reference, ends_on=posting.starts_on - timedelta(days=1))
    posting.delete()


def _check_days(
    worker: Worker, role: Role, area: Area | None, department: Department | None, starts_on: date, ends_on: date | None
) -> None:
    overlapping = Posting.objects.filter(Q(ends_on__isnull=True) | Q(ends_on__gte=starts_on), worker=worker)
    if ends_on is not None:
        overlapping = overlapping.filter(starts_on__lte=ends_on)
    if overlapping.filter(role=role, area=area, department=department).exists():
        raise FieldError("starts_on", _("该人员在此期间已有相同任职"), code="overlap")
    # who watches over the others does nothing else; a small town's system administrator may sit at a desk
    apart = ADMINISTRATORS if role in ADMINISTRATORS else WATCHING
    others = overlapping.exclude(role=role) if role in WATCHING else overlapping.filter(role__in=apart - {role})
    if (other := others.first()) is not None:
        message = _("三权分立：已任“%s”，不能同时任“%s”") % (other.get_role_display(), role.label)
        raise FieldError("role", message, code="separation")


# --- components -----------------------------------------------------------------------------------------------


def assign_duty(
    *, component: Component, kind: str, department: Department | None, by: User | None = None
) -> ComponentDuty | None:
    """``department`` answers for the component in that way, instead of whoever did; None: nobody does."""
    if kind not in ComponentDuty.Kind.values:
        raise FieldError("kind", _("未知的责任类型：%s") % kind)
    if department is not None and department.root_id != component.root_id:
        raise FieldError("department", _("部门与部件不在同一城市"))
    require(by, Capability.MANAGE_RULES, component.area_id)
    with transaction.atomic():
        if department is None:
            ComponentDuty.objects.filter(component=component, kind=kind).delete()
            duty = None
        else:
            duty, _created = ComponentDuty.objects.update_or_create(
                component=component, kind=kind, defaults={"department": department}
            )
        detail = {"duty": kind, "department": department.pk if department else None}
        audit.record(action="component.duty", actor=by, obj=component, detail=detail)
    return duty


# --- shared ---------------------------------------------------------------------------------------------------


def _place_of(department: Department | None, root: Area | None, worker: Worker | None = None) -> int | None:
    """The area in which a person needs the capability; a worker of no department is somebody of the whole city."""
    if department is not None:
        return department.area_id or department.root_id
    if root is not None:
        return root.pk
    if worker is not None:
        return Posting.objects.filter(worker=worker, area__isnull=False).values_list("area__root", flat=True).first()
    return None


def _require_for(by: User | None, posting: Posting) -> None:
    """Who may end it: for an administrator's the security administrator alone, for others he too."""
    place = posting.area_id or _place_of(posting.department, None)
    if posting.role not in ADMINISTRATORS:
        try:
            return require(by, Capability.MANAGE_PEOPLE, place)
        except NotPermitted:
            # what one administrator gave another may take
            if not may(by, Capability.MANAGE_SECURITY, place):
                raise
            return None
    return require(by, Capability.MANAGE_SECURITY, place)
