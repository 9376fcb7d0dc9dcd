"""Somebody was quicker: who, when, what and which fields; and what the person had written, ready to be a note."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dispatch.actors import Actor
from dispatch.cases import Case
from dispatch.changes import Changed, changes_since
from dispatch.offers import open_actions
from dispatch.selectors import entry_label
from dispatch.views.words import stamp
from gridgov.common import clock
from gridgov.common.errors import Conflict
from incidents.workflow import FIELD_LABELS, REJECT_REASONS, Action, Status

#: What is written by hand; all else in a form is chosen.
PROSE = ("reason", "note", "description", "address")


@dataclass(slots=True)
class Clash:
    """``typed``: label and value of all that was filled in; ``words``: what of it is prose, for a note.

    ``held_by``: the colleague whose claim is in the way; until it ends nothing can be sent.
    """

    message: str
    who: str
    at: str
    what: str
    status: str
    typed: list[tuple[str, str]]
    words: str
    is_still_open: bool
    may_note: bool
    held_by: str = ""
    changed: list[Changed] = field(default_factory=list)


def clash_of(
    conflict: Conflict,
    case: Case,
    by: Actor,
    *,
    given: Mapping[str, str],
    typed: list[tuple[str, str]] | None = None,
    version: int | None = None,
    is_still_open: bool = False,
) -> Clash:
    """The conflict in words. ``given``: the fields as sent; ``version``: the one that the person had seen."""
    extra, now = conflict.extra, clock.now()
    at = extra.get("at")
    prose = [(name, _prose(given[name])) for name in PROSE if given.get(name, "").strip()]
    return Clash(
        message=str(conflict.message),
        who=extra.get("actor") or "",
        at=stamp(at, now) if at else "",
        what=entry_label(extra.get("action") or "") if extra.get("action") else "",
        status=str(Status(case.incident.status).label),
        typed=typed if typed is not None else [(str(FIELD_LABELS[name]), words) for name, words in prose],
        words="\n".join(words for _name, words in prose),
        is_still_open=is_still_open,
        may_note=any(offer.action == Action.NOTE for offer in open_actions(case, by)),
        held_by=(extra.get("actor") or "") if conflict.code == "claimed" else "",
        changed=changes_since(number=case.incident.number, by=by, version=version).fields if version else [],
    )


def _prose(text: str) -> str:
    return str(REJECT_REASONS.get(text, text)).strip()
