"""The cache of a deployment with Redis: while Redis is away it is empty, and no page fails for it.

What is kept there is only ever a copy, or a count of tries. A count begins anew when Redis comes back; while it is away
nobody is refused for having tried too often.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.cache.backends.redis import RedisCache as DjangoRedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


def _or(instead: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The method, or what ``instead`` makes of its arguments where Redis does not answer."""

    def wrap(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def called(self: Any, *args: Any, **options: Any) -> Any:
            try:
                return method(self, *args, **options)
            except RedisError:
                logger.warning("the cache does not answer", exc_info=True)
                return instead(*args, **options)

        return called

    return wrap


class RedisCache(DjangoRedisCache):
    """Django's, but for the faults of the server, which are the absence of what was asked for."""

    get = _or(lambda key, default=None, version=None: default)(DjangoRedisCache.get)
    get_many = _or(lambda keys, version=None: {})(DjangoRedisCache.get_many)
    add = _or(lambda *args, **options: False)(DjangoRedisCache.add)
    set = _or(lambda *args, **options: None)(DjangoRedisCache.set)
    set_many = _or(lambda *args, **options: [])(DjangoRedisCache.set_many)
    touch = _or(lambda *args, **options: False)(DjangoRedisCache.touch)
    delete = _or(lambda *args, **options: False)(DjangoRedisCache.delete)
    delete_many = _or(lambda *args, **options: None)(DjangoRedisCache.delete_many)
    has_key = _or(lambda *args, **options: False)(DjangoRedisCache.has_key)
    incr = _or(lambda key, delta=1, version=None: delta)(DjangoRedisCache.incr)
