from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReportingConfig(AppConfig):
    name = "reporting"
    verbose_name = _("统计与评价")

    def ready(self) -> None:
        from dispatch.views.shell import Entry, add_entry  # noqa: PLC0415 - models are not ready before
        from personnel.roles import Role  # noqa: PLC0415

        shown_to = {Role.LEADER, Role.SUPERVISOR, Role.DUTY_CHIEF, Role.GRID_LEADER}
        add_entry(
            Entry(
                label=_("态势"),
                url_name="reporting:dashboard",
                allowed=lambda actor: any(role in shown_to for role in actor.roles),
                place=50,
                begins=frozenset({Role.LEADER}),
            )
        )
