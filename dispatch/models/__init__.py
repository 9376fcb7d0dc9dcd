"""Tickets, requests, appeals, routing rules, escalation targets, notices, and what people keep at their desk."""

from .appeal import Appeal
from .claim import Claim
from .loop_audit import LoopAudit
from .notice import EscalationTarget, LadderPause, Notice, NoticeDelivery
from .request import Request
from .routing import RoutingProposal, RoutingRule
from .ticket import Ticket
from .workbench import CannedText, Draft, SavedView

__all__ = [
    "Appeal",
    "CannedText",
    "Claim",
    "Draft",
    "EscalationTarget",
    "LadderPause",
    "LoopAudit",
    "Notice",
    "NoticeDelivery",
    "Request",
    "RoutingProposal",
    "RoutingRule",
    "SavedView",
    "Ticket",
]
