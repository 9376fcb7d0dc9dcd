"""Case numbers: six characters of the place, the day, a serial of five digits.

Serials are taken in blocks, each in a short transaction of its own: one counter row would make every report wait
for the one before. So there are gaps (a block dies with its process), and no number is given twice.
"""

import os
import re
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import date

from django.db import IntegrityError, transaction
from django.db.models import F

from incidents.models import NumberBlock

BLOCK = 50

_guard = threading.Lock()
_held: dict[tuple[int, str], tuple[int, int]] = {}


def next_number(*, place_code: str, on: date) -> str:
    """The next number for a place (its code's first six characters) on the civil date ``on``."""
    prefix = _prefix(place_code, on)
    with _guard:
        # by process: a forked worker must not go on with its parent's block
        key = (os.getpid(), prefix)
        serial, end = _held.get(key, (0, 0))
        if serial >= end:
            serial, end = _take(prefix)
        _held[key] = (serial + 1, end)
    return f"{prefix}{serial:05d}"


def next_numbers(wanted: Sequence[tuple[str, date]]) -> list[str]:
    """A number for each (code of the place, civil date), in order: all their serials taken in one transaction."""
    prefixes = [_prefix(place_code, on) for place_code, on in wanted]
    counts = sorted(Counter(prefixes).items())  # in one order, or two imports wait for each other for ever
    with transaction.atomic():
        NumberBlock.objects.bulk_create(
            [NumberBlock(prefix=prefix) for prefix, _count in counts], ignore_conflicts=True
        )
        for prefix, count in counts:
            NumberBlock.objects.filter(prefix=prefix).update(next_serial=F("next_serial") + count)
        ends = dict(NumberBlock.objects.filter(prefix__in=set(prefixes)).values_list("prefix", "next_serial"))
    serials = {prefix: iter(range(ends[prefix] - count, ends[prefix])) for prefix, count in counts}
    return [f"{prefix}{next(serials[prefix]):05d}" for prefix in prefixes]


def forget() -> None:
    """The next number takes a new block (after the counters were rolled back or flushed)."""
    with _guard:
        _held.clear()


def _prefix(place_code: str, on: date) -> str:
    return f"{re.sub('[^0-9A-Z]', '', place_code.upper())[:6]:0<6}{on:%Y%m%d}"


def _take(prefix: str) -> tuple[int, int]:
    for _attempt in range(3):
        with transaction.atomic():
            if NumberBlock.objects.filter(prefix=prefix).update(next_serial=F("next_serial") + BLOCK):
                end = NumberBlock.objects.values_list("next_serial", flat=True).get(prefix=prefix)
                return end - BLOCK, end
        try:
            with transaction.atomic():
                NumberBlock.objects.create(prefix=prefix, next_serial=BLOCK + 1)
                return 1, BLOCK + 1
        except IntegrityError:
            continue  # another process made the row meanwhile
    raise RuntimeError(f"no serial for {prefix}")
