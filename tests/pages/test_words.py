"""Times in words."""

from datetime import UTC, datetime, timedelta

import pytest

from dispatch.views.words import case_chip, case_kind, clock_chip, due_chip, span, stamp

NOW = datetime(2026, 11, 20, 6, 5, tzinfo=UTC)  # 周五 14:05 in Shanghai


def text(parts) -> str:
    return "".join(part for part, _figure in parts)


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (timedelta(seconds=20), "不足 1 分"),
        (timedelta(minutes=35), " 35 分"),
        (timedelta(minutes=80), " 1 时 20 分"),
        (timedelta(hours=2), " 2 时"),
        (timedelta(days=1, hours=3, minutes=9), " 1 天 3 时"),
        (timedelta(minutes=-35), " 35 分"),
    ],
)
def test_span_says_its_two_largest_units(amount, words):
    assert text(span(amount)) == words


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (NOW, "今天 14:05"),
        (NOW + timedelta(days=3), "11-23 周一 14:05"),
        (NOW - timedelta(days=365), "2025-11-20 14:05"),
        (None, ""),
    ],
)
def test_stamp_says_the_day_as_people_do(at, words):
    assert stamp(at, NOW) == words


@pytest.mark.parametrize(
    ("left", "allowed", "level", "kind", "words"),
    [
        (timedelta(hours=1, minutes=20), timedelta(hours=2), 0, "ok", "剩 1 时 20 分"),
        (timedelta(minutes=30), timedelta(hours=2), 0, "soon", "剩 30 分"),
        (timedelta(minutes=14), timedelta(minutes=20), 0, "soon", "剩 14 分"),
        (-timedelta(minutes=35), timedelta(hours=2), 0, "over", "已超 35 分"),
        (-timedelta(days=1, hours=3), timedelta(hours=2), 2, "over2", "已超 1 天 3 时"),
    ],
)
def test_due_chip_is_coloured_by_share_and_minutes_left(left, allowed, level, kind, words):
    due_at = NOW + left
    chip = due_chip(due_at, now=NOW, started_at=due_at - allowed, level=level)
    assert (chip.kind, chip.text) == (kind, words)
    assert (chip.share is not None) == (kind == "ok")


def test_case_chip_of_a_suspended_case_says_until_when():
    chip = case_chip(
        status="suspended", due_at=None, started_at=NOW, suspended_until=datetime(2026, 12, 1, tzinfo=UTC), level=0,
        ended=False, now=NOW,
    )  # fmt: skip
    assert (chip.kind, chip.text) == ("paused", "暂停至 12-01")


@pytest.mark.parametrize(
    ("state", "stopped", "cured", "kind", "words"),
    [
        ("met", -timedelta(minutes=13), False, "met", "提前 13 分"),
        ("late", timedelta(hours=2), False, "late", "超 2 时办结"),
        ("late", timedelta(hours=2), True, "met", "提前 2 时"),
        ("cancelled", timedelta(0), False, "none", "已取消"),
    ],
)
def test_clock_chip_of_an_ended_clock_says_how_it_ended(state, stopped, cured, kind, words):
    chip = clock_chip(
        state=state, due_at=NOW, started_at=NOW - timedelta(hours=4), stopped_at=NOW + stopped, suspended_until=None,
        cured=cured, now=NOW,
    )  # fmt: skip
    assert (chip.kind, chip.text) == (kind, words)


@pytest.mark.parametrize("status", ["handling", "suspended"])
@pytest.mark.parametrize("started", [None, NOW - timedelta(hours=2), NOW + timedelta(hours=9)])
@pytest.mark.parametrize("minutes", [None, -1, 0, 14, 15, 30, 50, 52, 600])
def test_kind_without_words_is_that_of_the_chip(status, started, minutes):
    due = NOW + timedelta(minutes=minutes) if minutes is not None else None
    chip = case_chip(
        status=status, due_at=due, started_at=started, suspended_until=None, level=0, ended=False, now=NOW
    )  # fmt: skip
    assert case_kind(status=status, due_at=due, started_at=started, now=NOW) == chip.kind
