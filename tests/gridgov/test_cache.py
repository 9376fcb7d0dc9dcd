"""The cache while Redis is away: nothing is kept, nothing fails."""

from dispatch.views import limits
from gridgov.cache import RedisCache


def away() -> RedisCache:
    return RedisCache("redis://127.0.0.1:1/0", {})


def test_everything_is_absent_and_nothing_fails():
    cache = away()
    assert cache.get("a") is None
    assert cache.get("a", "b") == "b"
    assert cache.get_many(["a", "b"]) == {}
    assert cache.set("a", 1) is None
    assert cache.set_many({"a": 1}) == []
    assert cache.add("a", 1) is False
    assert cache.touch("a") is False
    assert cache.delete("a") is False
    assert cache.delete_many(["a"]) is None
    assert cache.has_key("a") is False
    assert "a" not in cache
    assert cache.incr("a") == 1
    assert cache.get_or_set("a", lambda: 5) == 5


def test_nobody_is_refused_for_trying_too_often(monkeypatch):
    monkeypatch.setattr(limits, "cache", away())
    assert [limits.count("link") for _try in range(10)] == [1] * 10
    assert limits.counted("link") == 0
