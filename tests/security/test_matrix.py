"""Every address × every role × inside and outside the area. A new address without a rule fails here."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.security import matrix, rules
from tests.security.scene import make_scene
from tests.worlds import World

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    """Thousands of refusals are meant."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Path) -> None:
    settings.EXPORT_ROOT = tmp_path / "exports"


@pytest.mark.looks  # the API's part asks the same questions of each database
def test_every_page_is_open_to_whom_its_rule_says(world: World) -> None:
    assert matrix.faults(rules.PAGES, make_scene(world)) == []


def test_every_address_of_the_api_is_open_to_whom_its_rule_says(world: World) -> None:
    assert matrix.faults(rules.API, make_scene(world)) == []


@pytest.mark.looks  # the API's part asks the same questions of each database
def test_every_admin_page_is_open_to_whom_its_rule_says(world: World) -> None:
    assert matrix.faults(rules.ADMIN_PAGES, make_scene(world)) == []


def test_every_address_has_its_rule() -> None:
    there = dict(matrix.addresses())
    ruled = {rule.key for rule in (*rules.PAGES, *rules.API, *rules.ADMIN_PAGES)}
    assert sorted(there.keys() - ruled) == [], "declare who may open these in tests/security/rules.py"
    assert sorted(ruled - there.keys()) == []
    for key, pattern in there.items():
        asked = {rule.method for rule in rules.API if rule.key == key}
        if key.startswith("api:"):
            assert matrix.methods_of(pattern) == asked, key
