"""The tables of a case: catalogue, case, clocks, journal, attachments."""

from .attachment import Attachment
from .catalogue import Category, Certainty, ClockKind, FilingStandard, Ladder, LadderStep, Limit
from .clock import Clock, ClockSegment, FiredStep
from .incident import DuplicateCandidate, IdempotencyKey, Incident, NamedAccess, NumberBlock, Reporter
from .journal import Checkpoint, JournalEntry

__all__ = [
    "Attachment",
    "Category",
    "Certainty",
    "Checkpoint",
    "Clock",
    "ClockKind",
    "ClockSegment",
    "DuplicateCandidate",
    "FilingStandard",
    "FiredStep",
    "IdempotencyKey",
    "Incident",
    "JournalEntry",
    "Ladder",
    "LadderStep",
    "Limit",
    "NamedAccess",
    "NumberBlock",
    "Reporter",
]
