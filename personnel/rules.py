"""What holds of every account and posting, one or many at a time: judged here, written by the services."""

from datetime import date
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.errors import FieldError, NotPermitted
from gridgov.common.models import User
from grids import permissions
from grids.capabilities import Capability
from grids.models import Area
from grids.spatial import areas
from personnel.models import Department, Posting
from personnel.roles import AREA_ROLES, Role


def today() -> date:
    """The civil date."""
    return clock.local_date(clock.now())


def new_user(*, login: str, name: str, number: str, phone: str, password: str | None) -> tuple[User, str]:
    """An account that is not saved yet, and the number without blanks. FieldError for what is missing or unfit.

    A password is hashed, which takes its time: not within a transaction. Without one nobody can sign in.
    """
    login, name, number = login.strip(), name.strip(), number.strip()
    for field, value, label in (("login", login, _("账号")), ("name", name, _("姓名")), ("number", number, _("工号"))):
        if not value:
            raise FieldError(field, _("%s不能为空") % label)
    user = User(username=login, name=name, phone=phone.strip())
    try:
        user.full_clean(exclude=["password"], validate_unique=False)
        if password is not None:
            validate_password(password, user)
    except ValidationError as error:
        raise _as_field_error(error) from error
    if password is None:
        user.set_unusable_password()
    else:
        user.set_password(password)
    return user, number


def known_role(
    role: str, *, area: Area | None, department: Department | None, starts_on: date, ends_on: date | None = None
) -> Role:
    """The role. FieldError where there is none, the place does not fit it, or the days are not in order."""
    if role not in Role.values:
        raise FieldError("role", _("未知的角色：%s") % role)
    known = Role(role)
    _check_place(known, area, department)
    if ends_on is not None and ends_on < starts_on:
        raise FieldError("ends_on", _("结束日期早于开始日期"))
    return known


def _check_place(role: Role, area: Area | None, department: Department | None) -> None:
    if role in AREA_ROLES:
        if area is None:
            raise FieldError("area", _("“%s”须任职于区域") % role.label)
        if department is not None:
            raise FieldError("department", _("“%s”任职于区域，不任职于部门") % role.label)
        if area.valid_to is not None:
            raise FieldError("area", _("该区域已停用"))
    else:
        if department is None:
            raise FieldError("department", _("“%s”须任职于部门") % role.label)
        if area is not None:
            raise FieldError("area", _("“%s”任职于部门，不任职于区域") % role.label)
        if not department.is_active:
            raise FieldError("department", _("该部门已停用"))


def described(posting: Posting) -> dict[str, Any]:
    """The posting in ids, for the audit trail."""
    return {
        "worker": posting.worker_id,
        "role": str(posting.role),
        "area": posting.area_id,
        "department": posting.department_id,
        "starts_on": posting.starts_on.isoformat(),
        "ends_on": posting.ends_on.isoformat() if posting.ends_on else None,
    }


def may(by: User | None, capability: Capability, area_id: int | None) -> bool:
    """Whether ``by`` (None: the system) has the capability in the area."""
    if by is None or by.is_superuser:
        return True
    record = areas.find(area_id)
    chain = record.ancestors if record else ()
    return permissions.may(permissions.grants_of(by, today()), capability, chain)


def require(by: User | None, capability: Capability, area_id: int | None) -> None:
    """NotPermitted unless :func:`may`."""
    if not may(by, capability, area_id):
        message = _("缺少“%s”权限") % capability.label
        raise NotPermitted(message, missing=capability.value)


def _as_field_error(error: ValidationError) -> FieldError:
    if hasattr(error, "error_dict"):
        field, messages = next(iter(error.message_dict.items()))
        return FieldError("login" if field == "username" else field, "；".join(messages))
    return FieldError("password", "；".join(error.messages))
