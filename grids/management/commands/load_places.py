"""``manage.py load_places FILE --root R``: all or nothing, again changes nothing."""

from django.utils.translation import gettext as _

from grids.management.commands._register import RegisterCommand
from grids.registers import plan_places


class Command(RegisterCommand):
    help = _("从CSV导入场所（列：code，name，kind，lon，lat …）")
    plan = staticmethod(plan_places)
