"""``manage.py load_components FILE --root R``: all or nothing, again changes nothing."""

from django.utils.translation import gettext as _

from grids.management.commands._register import RegisterCommand
from grids.registers import plan_components


class Command(RegisterCommand):
    help = _("从CSV导入部件（列：code，type_code，lon，lat …）")
    plan = staticmethod(plan_components)
