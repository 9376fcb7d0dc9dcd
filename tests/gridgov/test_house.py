"""The rules of the house that the linters cannot see."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

ROOT = settings.BASE_DIR
PACKAGES = ("gridgov", "grids", "personnel", "incidents", "dispatch", "reporting")
# Lower knows nothing of higher; siblings share a floor and do not see each other.
FLOOR = {"common": 0, "grids": 1, "personnel": 2, "incidents": 2, "dispatch": 3, "reporting": 4}
MODULES = sorted(
    path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts
)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def containing(pattern: str) -> set[str]:
    return {name(path) for path in MODULES if re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)}


def test_foreign_keys_point_down_as_imports_do():
    # A foreign key named by a string hides from the import linter.
    wrong = []
    for label, floor in FLOOR.items():
        for model in apps.get_app_config(label).get_models(include_auto_created=True):
            for field in model._meta.get_fields():
                target = field.related_model if field.is_relation and not field.auto_created else None
                other = target._meta.app_label if target is not None and target != "self" else label
                if other in FLOOR and other != label and FLOOR[other] >= floor:
                    wrong.append(f"{model._meta.label}.{field.name} → {other}")
    assert wrong == []


def test_only_grids_permissions_knows_guardian():
    # and the model of the direct-foreign-key table, which has to inherit from guardian's
    assert containing(r"^\s*(?:from|import) guardian\b") <= {"grids/permissions.py", "grids/models.py"}


def test_only_the_clock_reads_the_time():
    found = containing(r"\btimezone\.now\(|\bdatetime\.(?:now|utcnow|today)\(|\bdate\.today\(|\blocalnow\(")
    assert found - {"gridgov/common/clock.py"} == set()


def test_only_the_loop_moves_a_case():
    assert containing(r"services\.transition\b|services import .*\btransition\b") <= {"dispatch/loop.py"}


@pytest.mark.parametrize("folder", [*PACKAGES, "tests", "scripts", "benchmarks", "templates", "static"])
def test_no_file_of_ours_is_over_500_lines(folder):
    paths = [path for end in ("py", "html", "js", "css") for path in (ROOT / folder).rglob(f"*.{end}")]
    ours = [path for path in paths if not {"migrations", "vendor", "golden"} & set(path.parts)]
    long = {name(path): count for path in ours if (count := len(path.read_text("utf-8").splitlines())) > 500}
    assert long == {}


def test_no_module_is_called_utils_or_helpers():
    assert {name(path) for path in MODULES if path.stem in {"utils", "helpers", "misc"}} == set()
