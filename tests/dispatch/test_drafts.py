"""Drafts: kept for their owner alone, bounded, and gone after a week."""

from datetime import timedelta
from typing import Any

import pytest

from dispatch import drafts, tasks
from dispatch.models import Draft
from gridgov.common import clock
from gridgov.common.errors import FieldError, NotFound, NotPermitted
from tests.statements import at_most
from tests.worlds import World

pytestmark = pytest.mark.django_db


def test_draft_is_kept_for_its_owner_alone(world: World) -> None:
    by, other = world.actor("acceptor"), world.actor("acceptor_2")
    drafts.save(by=by, key="report", content={"description": "路边"})
    kept = drafts.save(by=by, key="report", content={"description": "路边有垃圾"})
    assert drafts.of(by, "report") == kept
    assert [draft.key for draft in drafts.all_of(by)] == ["report"]
    with pytest.raises(NotFound):
        drafts.of(other, "report")
    assert drafts.all_of(other) == []
    assert not drafts.discard_one(by=other, key="report")
    assert drafts.discard_one(by=by, key="report")
    assert not drafts.discard_one(by=by, key="report")
    with pytest.raises(NotFound):
        drafts.of(by, "report")


def test_latest_draft_comes_first_in_one_statement(world: World) -> None:
    by = world.actor("acceptor")
    for n, key in enumerate(("report", "case/62090100001/accept", "case/62090100002/reject")):
        drafts.save(by=by, key=key, content={"n": n})
        Draft.objects.filter(key=key).update(updated_at=clock.now() + timedelta(seconds=n))
    with at_most(1):
        assert [draft.content["n"] for draft in drafts.all_of(by)] == [2, 1, 0]


@pytest.mark.parametrize(
    ("field", "key", "content"),
    [
        ("key", "", {}), ("key", "../x y", {}), ("key", "k" * 81, {}), ("key", None, {}), ("key", "案件", {}),
        ("content", "k", []), ("content", "k", "text"), ("content", "k", {"a": "字" * 7000}),
        ("content", "k", {"a": "x\x00y"}), ("content", "k", {"a": "\ud800"}), ("content", "k", {"a": object()}),
    ],
)  # fmt: skip
def test_bad_draft_names_its_field(world: World, field: str, key: Any, content: Any) -> None:
    with pytest.raises(FieldError) as refused:
        drafts.save(by=world.actor("acceptor"), key=key, content=content)
    assert refused.value.field == field
    assert not Draft.objects.exists()


def test_reporter_by_link_keeps_none(world: World) -> None:
    with pytest.raises(NotPermitted):
        drafts.save(by=type(world.actor("acceptor"))(user_id=None), key="report", content={})


def test_number_of_drafts_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "DRAFTS_LIMIT", 3)
    for n in range(5):
        drafts.save(by=world.actor("acceptor"), key=f"k{n}", content={})
    assert set(Draft.objects.values_list("key", flat=True)) == {"k2", "k3", "k4"}


def test_what_nobody_touched_for_a_week_is_gone(world: World) -> None:
    by = world.actor("acceptor")
    for key, days in (("old", 8), ("new", 6)):
        drafts.save(by=by, key=key, content={"phone": "13800002716"})
        Draft.objects.filter(key=key).update(updated_at=clock.now() - timedelta(days=days))
    assert tasks.tidy_desks() == 1
    assert [draft.key for draft in drafts.all_of(by)] == ["new"]
