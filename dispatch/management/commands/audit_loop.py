"""States whether the loop as a whole lost, doubled or left standing anything."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from dispatch import loop_audit
from dispatch.loop_audit.accepted import Accepted, read_file
from dispatch.models import LoopAudit
from gridgov.common import turns


class Command(BaseCommand):
    """Ends with 1 and the list of what does not hold, with counts and numbers of cases."""

    help = "核对整个流程：上报、流转记录、时钟、节点、工单、送达、通知，一件不少、一件不重；有不符则以 1 退出。"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--changed", action="store_true", help="只走一遍自上次核对以来有变动的流转记录")
        parser.add_argument("--grace", type=float, default=60, help="迟到多少秒算不符，默认 60")
        parser.add_argument("--accepted", type=Path, help="来访方自己记下的已受理请求（每行一个 JSON），逐条查对")
        parser.add_argument("--keep", action="store_true", help="把结果记入运维页")
        parser.add_argument("--json", action="store_true", dest="as_json", help="以一行 JSON 输出")

    def handle(
        self, *args: Any, changed: bool, grace: float, accepted: Path | None, keep: bool, as_json: bool, **options: Any
    ) -> None:
        last = LoopAudit.objects.order_by("-pk").first() if changed else None
        span = timedelta(seconds=grace)
        # beat's runs are left out meanwhile; one that is under way is nothing to wait for
        with turns.alone(loop_audit.TURN):
            verdict = loop_audit.run(
                since=max(0, last.last_entry_id - loop_audit.OVERLAP) if last else 0,
                grace=span,
                seal_grace=max(span * 2, loop_audit.SEAL_GRACE),
                accepted=self._accepted(accepted),
            )
        if keep:
            loop_audit.keep(verdict)
        if as_json:
            self.stdout.write(json.dumps(self._json(verdict), ensure_ascii=False))
        else:
            self._say(verdict, with_client=accepted is not None)
        if not verdict.is_clean:
            raise CommandError(_("不符%(count)d项") % {"count": len(verdict.faults)})

    def _accepted(self, path: Path | None) -> list[Accepted]:
        if path is None:
            return []
        try:
            return list(read_file(path))
        except (OSError, ValueError, KeyError) as error:
            raise CommandError(_("%(path)s 读不了：%(error)s") % {"path": path, "error": error}) from error

    def _say(self, verdict: loop_audit.Verdict, *, with_client: bool) -> None:
        found = {finding.key: finding for finding in verdict.findings}
        for key, statement in loop_audit.STATEMENTS.items():
            finding = found.get(key)
            if key == loop_audit.OF_CLIENT and not with_client:
                continue
            if finding is None:
                self.stdout.write(f"✓ {statement}")
                continue
            mark = "!" if finding.waits else "✗"
            self.stdout.write(f"{mark} {statement}：{finding.count}（{'、'.join(finding.numbers[:10])}）")
        self.stdout.write(
            _("核对案件%(cases)d，用时%(seconds).1f秒") % {"cases": verdict.case_count, "seconds": verdict.seconds}
        )

    def _json(self, verdict: loop_audit.Verdict) -> dict[str, Any]:
        return {
            "clean": verdict.is_clean,
            "cases": verdict.case_count,
            "seconds": round(verdict.seconds, 3),
            "findings": [finding.as_json() for finding in verdict.findings],
        }
