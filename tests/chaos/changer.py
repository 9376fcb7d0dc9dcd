"""Changes rules and areas again and again, until its input ends: ``python -m tests.chaos.changer``; says how often."""

# ruff: noqa: I001 - the first of them makes Django ready for the others
import itertools
import sys
import threading

import tests.processes  # noqa: F401

from gridgov.common.business_time import Allowance, Unit
from grids.models import Area
from grids.services import change_area
from incidents.catalogue_services import LimitInput, save_standard


def change(turn: int) -> None:
    """A standard with its limit is saved anew, and an area: every process reads both again."""
    save_standard(
        code="0201-2", category="0201", condition=f"大件垃圾{turn % 7}", closing_condition="清运完毕",
        limits=[LimitInput(clock="handle", allowance=Allowance(Unit.URGENT, minutes=60 + turn % 5), ladder="minute")],
    )  # fmt: skip
    change_area(area=Area.objects.get(code="620901001001001"), name=f"甲一西第{turn % 3}网格")


def main() -> None:
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    done = 0
    for turn in itertools.count():
        if over.wait(0.05):
            break
        change(turn)
        done += 1
    print(done)


if __name__ == "__main__":
    main()
