"""``manage.py import_incidents FILE --root R --mapping FILE``: the cases of another system (docs/howto)."""

import csv
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from dispatch import confidential
from gridgov.common import clock
from gridgov.common.errors import DomainError, FieldError, FieldErrors
from incidents import import_map, importing
from incidents.import_map import FileMap
from incidents.importing import REJECT_COLUMNS, WARN_LABELS, OldCase, Record, Reject, RowReader, Table, harmless
from incidents.models import Incident
from incidents.services import adopt as door
from incidents.services.adopt import Origin

# One transaction: long enough to be cheap, short enough that nobody at a desk waits for it.
SET = 500
LISTED = 10
EXAMPLES = 3


class Command(BaseCommand):
    """Every row is a case, a repeat, or in the file of rejects. Broken off and run again, it goes on."""

    help = _("从CSV导入原系统的案件：已结束的为“已结案”，其余为“待立案”；不启动时钟，不派单，不通知")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help=_("CSV（UTF-8或GBK，首行为列名），可用gzip压缩"))
        parser.add_argument("--root", required=True, help=_("城市编码"))
        parser.add_argument("--mapping", type=Path, required=True, help=_("映射文件（JSON）"))
        parser.add_argument("--dry-run", action="store_true", help=_("只校验和计数，不写入案件"))
        parser.add_argument("--rejects", type=Path, help=_("写未导入的行及原因的CSV；默认在数据目录"))

    def handle(self, *args: Any, file: Path, root: str, mapping: Path, **options: Any) -> None:
        try:
            found = import_map.read_map(mapping, sources=Incident.Source.values)
            codes = set((found.categories or {}).values())
            origin = Origin(door.check_ready(root=root, codes=codes), found.system, found.source)
            table = importing.inspect(file, found)
        except FieldErrors as errors:
            raise CommandError("\n".join([_("未导入任何案件"), *map(_said, errors.errors)])) from errors
        except DomainError as error:
            raise CommandError(f"{_('未导入任何案件')}\n{_said(error)}") from error
        rejects = options["rejects"] or Path(settings.DATA_DIR) / f"rejects-{root}.csv"
        if rejects.exists() and any(other.samefile(rejects) for other in (file, mapping)):
            raise CommandError(_("--rejects 不能是导入的文件本身"))
        run = _Run(table, found, origin, dry_run=options["dry_run"])
        try:
            # a run whose rejects could not be told does not begin
            out = rejects.open("w", encoding="utf-8-sig", newline="")
        except OSError as error:
            raise CommandError(_("无法写入 %(path)s：%(why)s") % {"path": rejects, "why": error.strerror}) from error
        try:
            with out, _interrupt() as interrupted:
                self._carry_out(run, out, interrupted)
        finally:
            if run.counts["imported"] and not run.dry_run:
                door.record_run(origin=origin, file=file.name, counts=dict(run.counts))
        self._summary(run, rejects)
        if interrupted():
            raise CommandError(_("已中断；再次运行从中断处继续"), returncode=130)

    def _carry_out(self, run: "_Run", out: TextIO, interrupted: Callable[[], bool]) -> None:
        sheet = _Sheet(out, run.table)
        rows = importing.records(run.table)
        step = max(run.table.row_count // 10, SET)
        told = step
        while not interrupted() and (taken := list(islice(rows, SET))):
            for record, reject in run.take(taken):
                sheet.add(record, reject)
                if run.counts["rejected"] <= LISTED:
                    where = f" {reject.field}" if reject.field else ""
                    self.stderr.write(_("第%(row)d行%(where)s：%(why)s") % {
                        "row": reject.row, "where": where, "why": reject.reason,
                    })  # fmt: skip
            if run.counts["rows"] >= told:
                told += step
                self.stdout.write(f"{run.counts['rows']}/{run.table.row_count}")

    def _summary(self, run: "_Run", rejects: Path) -> None:
        counts = run.counts
        seconds = time.monotonic() - run.started
        speed = {"seconds": seconds, "speed": counts["rows"] / max(seconds, 0.001)}
        self.stdout.write(_("用时%(seconds).1f秒，每秒%(speed)d行") % speed)
        self.stdout.write(_("共%(rows)d行 = 导入%(imported)d + 未导入%(rejected)d + 重复%(repeats)d") % counts)
        self.stdout.write(
            _(
                "导入：已结案%(closed)d，待立案%(open)d；未定位%(unplaced)d（无位置%(no_position)d，在各区域之外%(outside)d）"
            )
            % counts
        )
        for warning, count in run.warnings.most_common():
            rows = "、".join(str(row) for row in run.examples[warning])
            self.stdout.write(
                self.style.WARNING(_("警告 %(what)s：%(count)d行（如第%(rows)s行）") % {
                    "what": WARN_LABELS[warning], "count": count, "rows": rows,
                })
            )  # fmt: skip
        if counts["rejected"]:
            self.stdout.write(
                self.style.WARNING(_("未导入的行及原因见 %(path)s，改好后可直接导入") % {"path": rejects})
            )
        else:
            rejects.unlink(missing_ok=True)
        if run.dry_run:
            self.stdout.write(_("试运行：未写入案件"))


def _said(error: DomainError) -> str:
    return f"{error.field}：{error.message}" if isinstance(error, FieldError) else str(error.message)


@contextmanager
def _interrupt() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed: a run ends after the set under way, so that its counts are those of the database."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # only the main thread hears signals
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, lambda number, _frame: asked.append(number))
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)


class _Run:
    """The rows of a table on their way in, and what became of them."""

    def __init__(self, table: Table, mapping: FileMap, origin: Origin, *, dry_run: bool) -> None:
        self.table, self.mapping, self.origin, self.dry_run = table, mapping, origin, dry_run
        self.counts: Counter[str] = Counter(
            dict.fromkeys(
                ("rows", "imported", "rejected", "repeats", "closed", "open", "unplaced", "no_position", "outside"), 0
            )
        )
        self.warnings: Counter[importing.Warn] = Counter()
        self.examples: dict[importing.Warn, list[int]] = {}
        self._reader = RowReader(table, mapping, now=clock.now())
        self.started = time.monotonic()
        self._seen: set[str] = set()  # of a dry run, which finds no earlier rows in the database

    def take(self, taken: list[Record]) -> Iterable[tuple[Record, Reject]]:
        """The set stands; the rows of it that were not imported."""
        by_row = {record.row: record for record in taken}
        cases, rejects = [], []
        for record in taken:
            found = self._reader.read(record)
            (cases if isinstance(found, OldCase) else rejects).append(found)
        outcomes = door.adopt(cases, origin=self.origin, named_for=_desk_of, dry_run=self.dry_run)
        for outcome in outcomes:
            if outcome.reject is not None:
                column = self.mapping.columns.get(outcome.reject.field, outcome.reject.field)
                rejects.append(Reject(outcome.reject.row, column, outcome.reject.reason))
            elif outcome.is_repeat or outcome.case.external_id in self._seen:
                self.counts["repeats"] += 1
            else:
                self._count(outcome)
        self.counts["rows"] += len(taken)
        self.counts["rejected"] += len(rejects)
        return [(by_row[reject.row], reject) for reject in sorted(rejects, key=lambda reject: reject.row)]

    def _count(self, outcome: door.Outcome) -> None:
        assert outcome.incident is not None
        if self.dry_run:
            self._seen.add(outcome.case.external_id)
        self.counts["imported"] += 1
        self.counts["closed" if outcome.case.is_closed else "open"] += 1
        if not outcome.incident.is_placed:
            self.counts["unplaced"] += 1
            self.counts["no_position" if outcome.case.lon is None else "outside"] += 1
        for warning in outcome.warnings:
            self.warnings[warning] += 1
            rows = self.examples.setdefault(warning, [])
            if len(rows) < EXAMPLES:
                rows.append(outcome.case.row)


def _desk_of(holder_id: int) -> set[int]:
    return confidential.of_the_desk(Incident(holder_id=holder_id))


class _Sheet:
    """The file of rejects: row, field, reason, then the row as it was, to be mended and imported again."""

    def __init__(self, out: TextIO, table: Table) -> None:
        self._writer = csv.writer(out, delimiter=table.delimiter)
        self._kept = [place for place, name in enumerate(table.header) if name not in REJECT_COLUMNS]
        self._width = len(table.header)
        self._writer.writerow([*REJECT_COLUMNS, *(table.header[place] for place in self._kept)])

    def add(self, record: Record, reject: Reject) -> None:
        values = record.values
        if len(values) == self._width:
            values = tuple(values[place] for place in self._kept)
        self._writer.writerow([reject.row, *map(harmless, (reject.field, reject.reason, *values))])
