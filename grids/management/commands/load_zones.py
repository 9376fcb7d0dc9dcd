"""``manage.py load_zones FILE --root R``: all or nothing, again changes nothing."""

from django.utils.translation import gettext as _

from grids.management.commands._register import RegisterCommand
from grids.registers import plan_zones


class Command(RegisterCommand):
    help = _("从CSV导入专属网格（列：code，name，kind，areas …）")
    plan = staticmethod(plan_zones)
    has_points = False
