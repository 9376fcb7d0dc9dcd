"""Every action that the source records has its name and its group, and every name is of an action that is recorded."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from gridgov.common import audit_actions

ROOT = Path(settings.BASE_DIR)
PACKAGES = ("gridgov", "grids", "personnel", "incidents", "dispatch", "reporting")


class Source:
    """All modules, read for what ``audit.record`` and ``audit.record_all`` are given as action."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.trees = {name: ast.parse(text) for name, text in texts.items()}

    def actions(self) -> dict[str, str]:
        """Each action, and the module that records it."""
        found: dict[str, str] = {}
        for name, tree in self.trees.items():
            for function, call in _calls(tree):
                target = call.func
                if not isinstance(target, ast.Attribute) or target.attr not in ("record", "record_all"):
                    continue
                if not isinstance(target.value, ast.Name) or target.value.id != "audit":
                    continue
                [given] = [word.value for word in call.keywords if word.arg == "action"]
                for action in self._values(given, name, function):
                    found[action] = name
        return found

    def _values(self, node: ast.expr, module: str, function: ast.FunctionDef | None) -> Iterator[str]:
        """What the expression can be. AssertionError for one of which that cannot be told."""
        if isinstance(node, ast.Constant):
            yield node.value
        elif isinstance(node, ast.IfExp):
            yield from self._values(node.body, module, function)
            yield from self._values(node.orelse, module, function)
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            table = self._assigned(node.value.id, self.trees[module].body)
            assert isinstance(table, ast.Dict), (module, ast.unparse(node))
            for value in table.values:
                yield from self._values(value, module, function)
        elif isinstance(node, ast.Name):
            yield from self._named(node.id, module, function)
        else:
            raise AssertionError(f"{module}: which actions is {ast.unparse(node)}?")

    def _named(self, name: str, module: str, function: ast.FunctionDef | None) -> Iterator[str]:
        if function is not None:
            local = self._assigned(name, [n for n in ast.walk(function) if isinstance(n, ast.stmt)])
            if local is not None:
                yield from self._values(local, module, function)
                return
            arguments = [a.arg for a in (*function.args.args, *function.args.kwonlyargs)]
            if name in arguments:
                yield from self._passed(name, function)
                return
        constant = self._assigned(name, self.trees[module].body)
        if constant is None:
            constant = next(c for t in self.trees.values() if (c := self._assigned(name, t.body)) is not None)
        yield from self._values(constant, module, function)

    def _passed(self, name: str, function: ast.FunctionDef) -> Iterator[str]:
        """The default, and what those who call it give."""
        for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
            if argument.arg == name and default is not None:
                yield from self._values(default, "", None)
        place = next((i for i, a in enumerate(function.args.args) if a.arg == name), None)
        for module, tree in self.trees.items():
            for within, call in _calls(tree):
                called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
                if called != function.name:
                    continue
                given = [word.value for word in call.keywords if word.arg == name]
                if place is not None and len(call.args) > place:
                    given.append(call.args[place])
                for value in given:
                    yield from self._values(value, module, within)

    @staticmethod
    def _assigned(name: str, body: list[ast.stmt]) -> ast.expr | None:
        for statement in body:
            if isinstance(statement, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == name for target in statement.targets
            ):
                return statement.value
        return None


def _calls(tree: ast.AST, function: ast.FunctionDef | None = None) -> Iterator[tuple[ast.FunctionDef | None, ast.Call]]:
    """Every call, and the function in which it stands."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Call):
            yield function, child
        yield from _calls(child, child if isinstance(child, ast.FunctionDef) else function)


def source() -> dict[str, str]:
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "migrations" not in path.parts
    }


@pytest.fixture(scope="module")
def recorded() -> dict[str, str]:
    return Source(source()).actions()


def test_every_recorded_action_has_a_name_and_a_group(recorded) -> None:
    assert len(recorded) > 50
    assert {action: module for action, module in recorded.items() if action not in audit_actions.ACTIONS} == {}


def test_every_named_action_is_recorded(recorded) -> None:
    assert set(audit_actions.ACTIONS) - set(recorded) == set()


def test_an_action_is_in_one_group_and_none_has_the_name_of_another() -> None:
    actions = [action for _label, group in audit_actions.GROUPS.values() for action in group]
    assert len(actions) == len(set(actions))
    names = [str(words) for words in audit_actions.ACTIONS.values()]
    assert len(names) == len(set(names))
    assert all(not name.isascii() for name in names)


@pytest.mark.parametrize(
    "text",
    [
        'audit.record(action="new.thing")',
        'KIND = "new.thing"\naudit.record(action=KIND)',
        'TABLE = {1: "new.thing"}\naudit.record(action=TABLE[1])',
        'def note(by, action):\n    audit.record(action=action)\nnote(1, "new.thing")',
        'def note(*, action="new.thing"):\n    audit.record_all(action=action)',
        'def note(x):\n    action = "sign_in" if x else "new.thing"\n    audit.record(action=action)',
    ],
)
def test_new_action_would_be_found_however_it_is_written(text) -> None:
    assert "new.thing" in Source({"module": text}).actions()


def test_action_that_is_put_together_is_refused() -> None:
    with pytest.raises(AssertionError, match="which actions"):
        Source({"module": 'audit.record(action=f"{kind}.load")'}).actions()
