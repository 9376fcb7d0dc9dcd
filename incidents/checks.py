"""System checks: the tables of the loop are sound, and the journal's triggers are in the database."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error
from django.db import connections

from incidents import triggers
from incidents.clock_table import CLOCKS, REPORT
from incidents.models import ClockKind
from incidents.workflow import (
    ASKED_BY,
    ENDED,
    FIELD_LABELS,
    OPEN,
    STAGE_OF,
    TRANSITIONS,
    Action,
    RequestKind,
    Status,
    find,
    lines,
)


def check_tables(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """E001: a fault in the table of transitions. E002: a fault in the table of clocks."""
    found: list[CheckMessage] = [
        Error(what, hint="incidents/workflow.py: TRANSITIONS", id="incidents.E001") for what in workflow_faults()
    ]
    return found + [Error(what, hint="incidents/clocks.py: CLOCKS", id="incidents.E002") for what in clock_faults()]


def workflow_faults() -> Iterator[str]:
    """What is wrong with the table of transitions, in words."""
    for action in Action:
        if not lines(action):
            yield f"{action.value} is in no line"
    reached = {Status.REPORTED} | {line.target for line in TRANSITIONS}
    for status in Status:
        if status not in reached:
            yield f"nothing leads to {status.value}"
        if status not in STAGE_OF:
            yield f"{status.value} belongs to no stage"
    for status in OPEN:
        if not any(status in line.sources and line.target not in (None, status) for line in TRANSITIONS):
            yield f"nothing leads out of {status.value}"
    for line in TRANSITIONS:
        name = line.action.value
        if not line.who:
            yield f"{name}: nobody may take it"
        for field in (*line.requires, *line.optional):
            if field not in FIELD_LABELS:
                yield f"{name}: field {field} has no label"
        if set(line.requires) & set(line.optional):
            yield f"{name}: a field is required and optional at once"
        for status in line.sources:
            if find(line.action, status) is not line:
                yield f"{name}: two lines out of {status.value}"
        if line.target in ENDED and not line.bumps:
            yield f"{name}: ends a case without raising its version"
        if line.granted and line.action.value not in RequestKind.values:
            yield f"{name}: granted, but no request asks for it"
    for kind in RequestKind:
        if not lines(kind.action) or not all(line.granted for line in lines(kind.action)):
            yield f"request {kind.value}: its action is open without a grant"
        if not ASKED_BY.get(kind):
            yield f"request {kind.value}: nobody may ask"


def clock_faults() -> Iterator[str]:
    """What is wrong with the table of clocks, in words."""
    kinds = [rule.kind for rule in CLOCKS]
    if sorted(kinds) != sorted(ClockKind.values):
        yield f"the kinds are {kinds}, the model has {ClockKind.values}"
    for rule in CLOCKS:
        if not rule.starts or not rule.stops:
            yield f"{rule.kind}: never starts or never stops"
        for on in (*rule.starts, *rule.stops, *rule.cancels, *rule.reworks, *rule.revives):
            if on.action == REPORT:
                continue
            if on.action not in Action.values:
                yield f"{rule.kind}: no action {on.action}"
                continue
            open_at = {(source, line.target or source) for line in lines(Action(on.action)) for source in line.sources}
            if on.action != Action.UNMERGE and not any(
                on.source in (None, source) and on.target in (None, target) for source, target in open_at
            ):
                yield f"{rule.kind}: {on.action} never goes from {on.source} to {on.target}"


def check_triggers(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """E003: an append-only table of the database lets itself be changed."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        names = triggers.missing(connections[alias])
        if names:
            found.append(
                Error(
                    f"Missing in the database {alias!r}: {', '.join(names)}. The journal can be changed unnoticed.",
                    hint="Run: manage.py migrate --skip-checks (it installs them). Then: manage.py verify_journal.",
                    id="incidents.E003",
                )
            )
    return found
