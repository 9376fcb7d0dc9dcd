from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReportingConfig(AppConfig):
    name = "reporting"
    verbose_name = _("统计与评价")

    def ready(self) -> None:
        _assessment_entries()


def _assessment_entries() -> None:
    """The bar has the grid leader's day, which is his home, and the monthly assessment."""
    # models and views are there only now
    from dispatch.views.shell import Entry, add_entry  # noqa: PLC0415
    from grids.capabilities import Capability  # noqa: PLC0415
    from personnel.roles import Role  # noqa: PLC0415

    add_entry(
        Entry(
            _("今日"), "reporting:today", lambda actor: actor.may_somewhere(Capability.LEAD_GRID), 5,
            frozenset({Role.GRID_LEADER}),
        )
    )  # fmt: skip
    add_entry(
        Entry(
            _("考核"),
            "reporting:assessments",
            lambda actor: actor.may_somewhere(Capability.LEAD_GRID) or actor.may_somewhere(Capability.PATROL),
            60,
        )
    )
