"""The roles that people are posted to, and what each may do (pure).

A role is held in an area or in a department, never in both. What an area role gives counts in that area and in
everything below it; a department role gives nothing over cases, only over the tickets of that department.
"""

from collections.abc import Mapping

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from grids.capabilities import Capability as Cap


class Role(TextChoices):
    """What a person can be posted as."""

    ACCEPTOR = "acceptor", _("受理员")
    DUTY_CHIEF = "duty_chief", _("值班长")
    DISPATCHER = "dispatcher", _("派遣员")
    SUPERVISOR = "supervisor", _("督办员")
    VERIFIER = "verifier", _("核查员")
    DEPARTMENT_HANDLER = "department_handler", _("部门经办")
    DEPARTMENT_HEAD = "department_head", _("部门负责人")
    GRID_LEADER = "grid_leader", _("网格长")
    GRID_WORKER = "grid_worker", _("网格员")
    LEADER = "leader", _("市级领导")
    SYSTEM_ADMIN = "system_admin", _("系统管理员")
    SECURITY_ADMIN = "security_admin", _("安全管理员")
    AUDIT_ADMIN = "audit_admin", _("审计管理员")


DEPARTMENT_ROLES = frozenset({Role.DEPARTMENT_HANDLER, Role.DEPARTMENT_HEAD})
AREA_ROLES = frozenset(Role) - DEPARTMENT_ROLES
#: 三权分立: nobody holds two of these on one day, wherever (GB/T 22239-2019).
ADMINISTRATORS = frozenset({Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDIT_ADMIN})
#: Those who look after what the others do: they hold no other role.
WATCHING = frozenset({Role.SECURITY_ADMIN, Role.AUDIT_ADMIN})

#: What each role gives, by the column "who" of ``incidents.workflow.TRANSITIONS``. No role has a default: what is
#: not here is denied. The dispatcher may not amend (a more generous standard would cover a late dispatch) and the
#: duty chief may not ask for what the duty chief decides.
ROLE_CAPABILITIES: Mapping[Role, frozenset[Cap]] = {
    Role.ACCEPTOR: frozenset(
        {
            Cap.VIEW_INCIDENT,
            Cap.CONFIDENTIAL,
            Cap.REVEAL_PHONE,
            Cap.REPORT_INCIDENT,
            Cap.ACCEPT,
            Cap.ASSIGN_CHECK,
            Cap.REASSIGN_VERIFICATION,
            Cap.EVALUATE,
            Cap.MERGE,
            Cap.VOID_REQUEST,
            Cap.AMEND,
            Cap.NOTE,
        }
    ),
    Role.DUTY_CHIEF: frozenset(
        {
            Cap.VIEW_INCIDENT,
            Cap.CONFIDENTIAL,
            Cap.REVEAL_PHONE,
            Cap.FILE,
            Cap.IMPOSE,
            Cap.CLOSE,
            Cap.DECIDE_SECOND,
            Cap.TRANSFER,
            Cap.SUPERVISE,
            Cap.AMEND,
            Cap.NOTE,
            Cap.OPERATE_LOOP,
        }
    ),
    Role.DISPATCHER: frozenset(
        {
            Cap.VIEW_INCIDENT,
            Cap.CONFIDENTIAL,
            Cap.DISPATCH,
            Cap.DECIDE_FIRST,
            Cap.MERGE,
            Cap.VOID_REQUEST,
            Cap.NOTE,
        }
    ),
    Role.SUPERVISOR: frozenset({Cap.VIEW_INCIDENT, Cap.SUPERVISE, Cap.NOTE}),
    Role.VERIFIER: frozenset({Cap.VIEW_INCIDENT, Cap.CONFIDENTIAL, Cap.VERIFY, Cap.NOTE}),
    Role.DEPARTMENT_HANDLER: frozenset({Cap.HANDLE}),
    Role.DEPARTMENT_HEAD: frozenset({Cap.HANDLE, Cap.LEAD_DEPARTMENT}),
    Role.GRID_LEADER: frozenset({Cap.VIEW_INCIDENT, Cap.REPORT_INCIDENT, Cap.PATROL, Cap.LEAD_GRID, Cap.NOTE}),
    Role.GRID_WORKER: frozenset({Cap.VIEW_INCIDENT, Cap.REPORT_INCIDENT, Cap.PATROL}),
    Role.LEADER: frozenset(
        {Cap.VIEW_INCIDENT, Cap.CONFIDENTIAL, Cap.DECIDE_LEADER, Cap.FORCE_CLOSE, Cap.SUPERVISE, Cap.NOTE}
    ),
    Role.SYSTEM_ADMIN: frozenset({Cap.MANAGE_PEOPLE, Cap.MANAGE_RULES, Cap.OPERATE_LOOP}),
    Role.SECURITY_ADMIN: frozenset({Cap.MANAGE_SECURITY}),
    Role.AUDIT_ADMIN: frozenset({Cap.READ_AUDIT}),
}


def area_capabilities(role: Role) -> frozenset[Cap]:
    """What the role gives in its area; nothing for a department role."""
    return ROLE_CAPABILITIES[role] if role in AREA_ROLES else frozenset()
