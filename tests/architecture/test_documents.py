"""What the documents say of the loop is what the code does."""

from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from incidents.management.commands import workflow_diagram
from incidents.workflow import TRANSITIONS, Action, Status

DOCUMENT = Path(settings.BASE_DIR) / "docs/workflow.md"


def test_workflow_document_is_in_step_with_the_table() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert workflow_diagram.renewed(text) == text, "run: manage.py workflow_diagram --write"


def test_diagram_has_every_status_and_every_moving_action() -> None:
    out = StringIO()
    call_command("workflow_diagram", stdout=out)
    diagram = out.getvalue()
    assert diagram.startswith("stateDiagram-v2\n  [*] --> reported\n")
    for status in Status:
        assert f"  {status.value}: {status.label}\n" in diagram
    moving = {line.action for line in TRANSITIONS if line.target is not None and line.sources != {line.target}}
    for action in moving | {Action.UNMERGE}:
        assert str(action.label) in diagram, action
    assert "handling --> handled: 反馈" in diagram
    assert "merged --> filed: 撤销并案" in diagram


def test_check_says_when_the_document_has_fallen_behind(tmp_path: Path, settings: object) -> None:
    (tmp_path / "docs").mkdir()
    path = tmp_path / "docs/workflow.md"
    settings.BASE_DIR = tmp_path  # type: ignore[attr-defined]
    path.write_text(f"before\n{workflow_diagram.BEGIN}\nold\n{workflow_diagram.END}\nafter\n", encoding="utf-8")
    with pytest.raises(CommandError):
        call_command("workflow_diagram", check=True, stdout=StringIO())
    call_command("workflow_diagram", write=True, stdout=StringIO())
    call_command("workflow_diagram", check=True, stdout=StringIO())
    text = path.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    path.write_text("no marks", encoding="utf-8")
    with pytest.raises(CommandError):
        call_command("workflow_diagram", write=True, stdout=StringIO())
