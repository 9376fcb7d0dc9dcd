"""What ``load_zones``, ``load_places`` and ``load_components`` have in common."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from gridgov.common.errors import DomainError
from grids import registers
from grids.registers import RegisterPlan
from grids.sources import converter


class RegisterCommand(BaseCommand):
    """Reads a CSV, shows what it would do, and does it in one transaction unless told ``--dry-run``."""

    plan: ClassVar[Callable[..., RegisterPlan]]
    has_points: ClassVar[bool] = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help=_("CSV（UTF-8或GBK），可用gzip压缩"))
        parser.add_argument("--root", required=True, help=_("城市编码"))
        if self.has_points:
            parser.add_argument("--crs", default="wgs84", choices=["wgs84", "gcj02", "bd09"])
        parser.add_argument("--dry-run", action="store_true", help=_("只校验和显示差异，不写入"))

    def handle(self, *args: Any, **options: Any) -> None:
        points = {"to_lonlat": converter(options["crs"])} if self.has_points else {}
        try:
            plan = type(self).plan(root=options["root"], path=options["file"], **points)
            self.stdout.write(
                _("新增 %(added)d，变更 %(changed)d，不变 %(same)d")
                % {"added": len(plan.added), "changed": len(plan.changed), "same": plan.unchanged}
            )
            if options["dry_run"]:
                self.stdout.write(_("试运行：未写入"))
                return
            registers.commit(plan)
        except DomainError as error:
            raise CommandError(_("未写入任何数据\n") + str(error.message).replace("；", "\n")) from error
        self.stdout.write(self.style.SUCCESS(_("完成")))
