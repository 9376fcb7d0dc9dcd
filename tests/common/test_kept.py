"""Answers kept for some seconds, in the process and before the others' cache: never older than both together."""

import threading

import pytest
from django.core.cache import caches

from gridgov.common import kept


@pytest.fixture(autouse=True)
def _empty():
    for name in ("process", "default"):
        caches[name].clear()
    yield
    for name in ("process", "default"):
        caches[name].clear()


def test_answer_is_made_once_for_a_key() -> None:
    made = iter([b"one", b"two"])
    assert [kept.answer("k", lambda: next(made), seconds=3) for _time in range(3)] == [b"one"] * 3
    assert kept.answer("other", lambda: next(made), seconds=3) == b"two"


def test_process_and_cache_share_the_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read from the shared cache in its last instant an answer stands one second more, and that is all."""
    now = [1_000.0]
    monkeypatch.setattr("django.core.cache.backends.locmem.time.time", lambda: now[0])
    monkeypatch.setattr("django.core.cache.backends.base.time.time", lambda: now[0])
    made = iter([b"one", b"two"])

    def asked() -> bytes:
        return kept.answer("k", lambda: next(made), seconds=3)

    assert asked() == b"one"
    now[0] += 1.99
    assert asked() == b"one"
    now[0] += 0.99
    assert asked() == b"one"
    now[0] += 0.03  # 3.01 s
    assert asked() == b"two"


def test_another_process_finds_it_in_the_shared_cache() -> None:
    kept.answer("k", lambda: b"one", seconds=3)
    caches["process"].clear()
    assert kept.answer("k", lambda: b"two", seconds=3) == b"one"
    caches["default"].clear()
    assert kept.answer("k", lambda: b"two", seconds=3) == b"one", "told without a way to the shared cache"


def test_number_of_answers_in_the_process_is_bounded() -> None:
    for number in range(1_000):
        kept.answer(f"k{number}", lambda: b"one", seconds=3)
    assert len(caches["process"]._cache) <= 200


def test_threads_find_one_anothers_answers() -> None:
    kept.answer("k", lambda: b"one", seconds=3)
    caches["default"].clear()
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(kept.answer("k", lambda: b"two", seconds=3))) for _n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [b"one"] * 4
