from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReportingConfig(AppConfig):
    name = "reporting"
    verbose_name = _("统计与评价")

    def ready(self) -> None:
        """The bar has the dashboard, the leaders' home; the grid leader's day, which is his; and the assessment."""
        # models and views are there only now
        from dispatch.views.shell import Entry, add_entry  # noqa: PLC0415
        from grids.capabilities import Capability  # noqa: PLC0415
        from personnel.roles import Role  # noqa: PLC0415

        overseers = {Role.LEADER, Role.SUPERVISOR, Role.DUTY_CHIEF, Role.GRID_LEADER}
        add_entry(
            Entry(
                _("今日"), "reporting:today", lambda actor: actor.may_somewhere(Capability.LEAD_GRID), 5,
                frozenset({Role.GRID_LEADER}),
            )
        )  # fmt: skip
        add_entry(
            Entry(
                _("态势"), "reporting:dashboard", lambda actor: any(role in overseers for role in actor.roles), 50,
                frozenset({Role.LEADER}),
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
