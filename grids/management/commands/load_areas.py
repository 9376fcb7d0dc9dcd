"""``manage.py load_areas FILE --root R --level L``: one level of areas of a city, from GeoJSON or CSV with WKT."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from gridgov.common.errors import DomainError
from grids import importers, services
from grids.importers import Plan
from grids.models import Level
from grids.sources import Columns, converter, read_features
from grids.spatial import areas
from grids.topology import Finding

_LISTED = 40


class Command(BaseCommand):
    help = _("导入一级区域：解析、校验、显示差异，然后在一个事务中写入")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help=_("GeoJSON（.geojson/.json）或含WKT列的CSV，可用gzip压缩"))
        parser.add_argument("--root", required=True, help=_("城市编码，首次导入时新建"))
        parser.add_argument("--root-name", default="", help=_("城市名称（新建时使用）"))
        parser.add_argument("--level", required=True, choices=[level.name.lower() for level in Level][1:])
        parser.add_argument("--code-field", default="code")
        parser.add_argument("--name-field", default="name")
        parser.add_argument("--parent-field", default="", help=_("上级编码所在列；不给则按重叠面积最大者"))
        parser.add_argument("--kind-field", default="", help=_("urban/rural所在列"))
        parser.add_argument("--crs", default="wgs84", choices=["wgs84", "gcj02", "bd09"])
        parser.add_argument("--replace", action="store_true", help=_("停用文件中没有的同级区域"))
        parser.add_argument("--dry-run", action="store_true", help=_("只校验和显示差异，不写入"))

    def handle(self, *args: Any, **options: Any) -> None:
        columns = Columns(options["code_field"], options["name_field"], options["parent_field"], options["kind_field"])
        try:
            features = read_features(options["file"], columns, to_lonlat=converter(options["crs"]))
            plan = importers.plan_load(
                root=options["root"],
                root_name=options["root_name"],
                level=Level[options["level"].upper()],
                features=features,
                parents_given=bool(columns.parent),
                replace=options["replace"],
            )
            self._show(plan)
            if options["dry_run"] and not plan.errors:
                self.stdout.write(_("试运行：未写入"))
                return
            revision = importers.commit(plan)
        except DomainError as error:
            raise CommandError(str(error.message).replace("；", "\n")) from error
        if revision is None:
            self.stdout.write(_("没有变化"))
            return
        self.stdout.write(self.style.SUCCESS(_("已写入，索引修订号 %(revision)d") % {"revision": revision}))
        moved = services.place_again(root_id=areas.root_id(plan.root_code))
        if moved:
            self.stdout.write(_("重新定位场所和部件 %(count)d 个") % {"count": moved})

    def _show(self, plan: Plan) -> None:
        self.stdout.write(
            _("%(level)s：新增 %(added)d，变更 %(changed)d，停用 %(ended)d，不变 %(same)d")
            % {
                "level": plan.level.label, "added": len(plan.added), "changed": len(plan.changed),
                "ended": len(plan.ended), "same": plan.unchanged,
            }
        )  # fmt: skip
        for sign, listed, told in (("+", plan.added, 5), ("~", plan.changed, _LISTED), ("-", plan.ended, _LISTED)):
            for area in listed[:told]:
                self.stdout.write(f"  {sign} {area.code} {area.name} {' '.join(getattr(area, 'changes', ()))}".rstrip())
            if len(listed) > told:
                self.stdout.write(f"  {sign} …({len(listed)})")
        self._list(self.style.ERROR, _("错误"), plan.errors)
        self._list(self.style.WARNING, _("警告"), plan.warnings)

    def _list(self, style: Any, title: str, findings: list[Finding]) -> None:
        for finding in findings[:_LISTED]:
            size = f" {finding.area_m2:.1f} m²" if finding.area_m2 else ""
            line = f"{title} {finding.kind}: {' / '.join(finding.codes)}{size} {finding.detail}"
            self.stdout.write(style(line.rstrip()))
        if len(findings) > _LISTED:
            self.stdout.write(style(_("%(title)s共 %(count)d 条") % {"title": title, "count": len(findings)}))
