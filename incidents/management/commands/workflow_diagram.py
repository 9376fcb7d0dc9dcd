"""The loop as it stands in the code: a mermaid diagram of statuses and actions, and the table behind it."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation

from grids.capabilities import Capability
from incidents.clock_table import CLOCKS, On
from incidents.workflow import OPEN, TRANSITIONS, Action, Party, Status, Transition, Who

DOCUMENT = Path("docs/workflow.md")
#: What is made stands between these two lines; the rest of the document is written by hand.
BEGIN, END = "<!-- made by manage.py workflow_diagram --write -->", "<!-- end -->"
PARTIES = {
    Party.CHECKER: "本案核实人",
    Party.VERIFIER: "本案核查人",
    Party.LEAD_HANDLER: "主办单位",
    Party.REPORTING_WORKER: "上报的网格员",
    Party.REPORTER: "上报人",
    Party.SYSTEM: "系统",
}


class Command(BaseCommand):
    help = "流程图（mermaid）与流转表；--write 写入 docs/workflow.md，--check 检查文档是否一致"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="写入 docs/workflow.md")
        parser.add_argument("--check", action="store_true", help="只检查，不一致则报错")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / DOCUMENT
        if options["check"]:
            if path.read_text(encoding="utf-8") != renewed(path.read_text(encoding="utf-8")):
                raise CommandError(f"{DOCUMENT} 与代码不一致，请运行 manage.py workflow_diagram --write")
            self.stdout.write(f"{DOCUMENT} 与代码一致")
        elif options["write"]:
            path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
            self.stdout.write(f"已写入 {DOCUMENT}")
        else:
            self.stdout.write(mermaid())


def renewed(document: str) -> str:
    """The document with diagram and tables as the code has them now."""
    before, found, rest = document.partition(BEGIN)
    if not found or END not in rest:
        raise CommandError(f"{DOCUMENT} 缺少标记：{BEGIN} … {END}")
    _made, _end, after = rest.partition(END)
    made = f"{BEGIN}\n\n```mermaid\n{mermaid()}\n```\n\n{actions()}\n\n{clocks()}\n\n{END}"
    return before + made + after


def mermaid() -> str:
    """The actions that move a case, as a state diagram. What may happen in any open status stands in a note."""
    with translation.override(settings.LANGUAGE_CODE):
        lines = ["stateDiagram-v2", f"  [*] --> {Status.REPORTED.value}"]
        lines += [f"  {status.value}: {status.label}" for status in Status]
        for source in Status:
            for line in TRANSITIONS:
                if source in line.sources and line.target not in (None, source) and line.sources != OPEN:
                    lines.append(f"  {source.value} --> {line.target.value}: {_named(line)}")  # type: ignore[union-attr]
        for before in sorted(_sources(Action.MERGE), key=list(Status).index):
            lines.append(f"  {Status.MERGED.value} --> {before.value}: {Action.UNMERGE.label}")
        anywhere = [line for line in TRANSITIONS if line.sources == OPEN]
        lines.append(f"  note right of {Status.REPORTED.value}")
        for line in anywhere:
            lines.append(f"    任一未结状态：{_named(line)}" + (f" → {line.target.label}" if line.target else ""))
        lines.append("  end note")
        return "\n".join(lines)


def _named(line: Transition) -> str:
    return f"{line.action.label}{'（申请）' if line.granted else ''}"


def _sources(action: Action) -> set[Status]:
    return {status for line in TRANSITIONS if line.action is action for status in line.sources}


def actions() -> str:
    """Every line of the table, as the code has it."""
    with translation.override(settings.LANGUAGE_CODE):
        rows = ["| 阶段 | 操作 | 从 | 到 | 谁 | 须填 | 选填 | 工单 |", "|---|---|---|---|---|---|---|---|"]
        for line in TRANSITIONS:
            sources = (
                "任一未结" if line.sources == OPEN else "、".join(str(s.label) for s in Status if s in line.sources)
            )
            target = line.target.label if line.target else "并案前" if line.action is Action.UNMERGE else "不变"
            who = "、".join(_who(option) for option in line.who)
            who = f"审批：{who}" if line.granted else who
            cells = (
                line.stage.label, f"{line.action.label} `{line.action.value}`", sources, target, who,
                _fields(line.requires), _fields(line.optional), f"`{line.tickets.value}`",
            )  # fmt: skip
            rows.append("| " + " | ".join(str(cell) for cell in cells) + " |")
        return "\n".join(rows)


def _who(who: Who) -> str:
    return who.label if isinstance(who, Capability) else PARTIES[who]


def _fields(names: tuple[str, ...]) -> str:
    return " ".join(f"`{name}`" for name in names) or "–"


def clocks() -> str:
    """Every clock: what starts, stops, cancels and pauses it."""
    with translation.override(settings.LANGUAGE_CODE):
        rows = ["| 时钟 | 起算 | 停表 | 取消 | 返工 | 暂停 |", "|---|---|---|---|---|---|"]
        for rule in CLOCKS:
            cells = [_on(rule.starts), _on(rule.stops), _on(rule.cancels), _on(rule.reworks)]
            if rule.revives:
                cells[0] += f"；续计：{_on(rule.revives)}"
            rows.append(f"| `{rule.kind}` | " + " | ".join(cells) + f" | {'挂账' if rule.pauses else '–'} |")
        return "\n".join(rows)


def _on(rules: tuple[On, ...]) -> str:
    said = []
    for on in rules:
        name = Action(on.action).label if on.action in Action.values else "收到上报"
        said.append(f"{name}（到{on.target.label}）" if on.target else str(name))
    return "、".join(said) or "–"
