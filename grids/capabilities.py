"""What a person may be allowed to do in an area (pure).

A capability is held in an area and counts there and in everything below it. It has no default: what nobody was
given nobody may do. Roles are named sets of capabilities and belong to personnel.
"""

from enum import StrEnum

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _


class Capability(StrEnum):
    """``value`` is the guardian permission codename on Area, ``label`` its name in the current language."""

    source: str  # the label in the source language

    def __new__(cls, value: str, source: str) -> "Capability":
        member = str.__new__(cls, value)
        member._value_ = value
        member.source = source
        return member

    VIEW_INCIDENT = "view_incident", _("查看案件")
    CONFIDENTIAL = "confidential", _("可列为涉密案件知情人")
    REVEAL_PHONE = "reveal_phone", _("查看完整电话")

    REPORT_INCIDENT = "report_incident", _("上报案件")
    ACCEPT = "accept", _("受理")
    FILE = "file", _("立案")
    DISPATCH = "dispatch", _("派遣")
    IMPOSE = "impose", _("裁定")
    HANDLE = "handle", _("处置")
    LEAD_DEPARTMENT = "lead_department", _("部门负责")
    ASSIGN_CHECK = "assign_check", _("安排核实")
    REASSIGN_VERIFICATION = "reassign_verification", _("改派核查")
    VERIFY = "verify", _("核查")
    CLOSE = "close", _("结案")
    FORCE_CLOSE = "force_close", _("强制结案")
    EVALUATE = "evaluate", _("回访评价")

    SUPERVISE = "supervise", _("督办")
    AMEND = "amend", _("更正")
    NOTE = "note", _("批注")
    TRANSFER = "transfer", _("上报交办")
    MERGE = "merge", _("并案")
    VOID_REQUEST = "void_request", _("申请作废")
    DECIDE_FIRST = "decide_first", _("初次审批")
    DECIDE_SECOND = "decide_second", _("再次审批")
    DECIDE_LEADER = "decide_leader", _("领导审批")

    PATROL = "patrol", _("巡查")
    LEAD_GRID = "lead_grid", _("网格长")

    MANAGE_RULES = "manage_rules", _("规则管理")
    MANAGE_PEOPLE = "manage_people", _("人员管理")
    MANAGE_SECURITY = "manage_security", _("安全管理")
    READ_AUDIT = "read_audit", _("查看审计")
    OPERATE_LOOP = "operate_loop", _("流程运维")

    @property
    def label(self) -> str:
        return gettext(self.source)
