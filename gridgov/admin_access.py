"""Who may use which admin page: derived from postings. Nobody has a model permission of his own.

What a person may do there is asked again by the services, with the area. Superusers may open every page.
"""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.backends import BaseBackend

from grids.admin_scope import grants_once
from grids.capabilities import Capability as Cap

_RULES = frozenset({Cap.MANAGE_RULES})
_PEOPLE = frozenset({Cap.MANAGE_PEOPLE})
_POSTINGS = frozenset({Cap.MANAGE_PEOPLE, Cap.MANAGE_SECURITY})

#: app_label.model, or app_label.* : the capabilities of which one opens its pages. What is not here is closed:
#: cases, clocks, journal and tickets have their own pages and no admin ones.
PAGES: Mapping[str, frozenset[Cap]] = {
    "personnel.department": _PEOPLE,
    "personnel.worker": _POSTINGS,
    "personnel.posting": _POSTINGS,
    "personnel.componentduty": _RULES,
    "personnel.assessmentscheme": _RULES,
    "grids.areamembership": _POSTINGS,
    "grids.*": _RULES,
    "incidents.category": _RULES,
    "incidents.filingstandard": _RULES,
    "incidents.ladder": _RULES,
    "incidents.limit": _RULES,
    "dispatch.routingrule": _RULES,
    "dispatch.escalationtarget": _RULES,
    "dispatch.cannedtext": _RULES,
    "dispatch.savedview": _RULES,
    "common.workcalendar": _RULES,
    "common.calendarversion": _RULES,
    "common.calendarday": _RULES,
    "common.auditentry": frozenset({Cap.READ_AUDIT}),
}


class AdminAccess(BaseBackend):
    """Answers ``has_perm`` for view, add, change and delete of the models in :data:`PAGES`; signs nobody in."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        app_label, _dot, codename = perm.partition(".")
        action, _line, model = codename.partition("_")
        if action not in ("view", "add", "change", "delete") or not user_obj.is_active:
            return False
        wanted = PAGES.get(f"{app_label}.{model}") or PAGES.get(f"{app_label}.*")
        return bool(wanted and wanted & _held(user_obj))

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        held = _held(user_obj) if user_obj.is_active else frozenset()
        return any(page.startswith(f"{app_label}.") and wanted & held for page, wanted in PAGES.items())


def _held(user: Any) -> frozenset[str]:
    """The capabilities that the user holds anywhere today, read once for this user object."""
    return frozenset(capability for capability, _area in grants_once(user))
