"""The test city at play, with what its small catalogue knows."""

from datetime import datetime

from gridgov.common import clock
from gridgov.simulation import runs
from gridgov.simulation.city import City
from gridgov.simulation.upkeep import Upkeep
from gridgov.simulation.words import Topic

TOPICS = {
    "0201": Topic(8, ("有暴露垃圾", "垃圾成堆")),
    "0101": Topic(1, ("井盖缺失",)),
    "0102": Topic(3, ("路灯不亮",)),
    "0202": Topic(1, ("有人违法搭建",)),
    "0203": Topic(3, ("小广告成片",)),
    "0301": Topic(2, ("询问办理时间",)),
    "0302": Topic(1, ("邻里争执",)),
    "9999": Topic(50, ("目录里没有的一类",)),
}


def played(start: datetime, end: datetime, *, seed: int = 3, per_day: float = 36.0, steps_last: bool = False) -> City:
    """The test city from ``start`` to ``end``."""
    upkeep = Upkeep(steps_last=steps_last)
    city = City(seed=seed, town=runs.town(), per_day=per_day, upkeep=upkeep, topics=TOPICS)
    with clock.played(start):
        city.adopt(start)
    city.expect_reports(start, end)
    city.play(end)
    return city
