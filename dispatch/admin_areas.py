"""What a change of boundaries would do to open cases, for the rehearsal in the admin of areas."""

from django.utils.translation import gettext as _

from grids import effects
from grids.effects import Effect, Redrawn
from incidents.models import Incident


@effects.tell
def open_cases(redrawn: Redrawn) -> Effect:
    """The open cases that would lie in another area; confidential ones count, for they move as well. One statement."""
    cases = Incident.objects.filter(city=redrawn.root_id, ended_at__isnull=True, is_placed=True)
    return effects.described(_("在办案件改属"), redrawn.moves(effects.points_of(cases, redrawn)))
