"""Tickets, requests, routing rules, escalation targets and notices."""

from .notice import EscalationTarget, LadderPause, Notice, NoticeDelivery
from .request import Request
from .routing import RoutingProposal, RoutingRule
from .ticket import Ticket

__all__ = [
    "EscalationTarget",
    "LadderPause",
    "Notice",
    "NoticeDelivery",
    "Request",
    "RoutingProposal",
    "RoutingRule",
    "Ticket",
]
