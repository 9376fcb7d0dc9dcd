"""The cities whose areas come with the project: ``grids/data/<name>/`` with a city.json and a file a level."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from django.utils.translation import gettext as _

from gridgov.common.errors import FieldError
from grids import importers, services
from grids.models import Area, CodePattern, Level
from grids.sources import Columns, read_features

DATA = Path(__file__).resolve().parent / "data"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading a city did at one level."""

    level: Level
    added: int
    changed: int
    unchanged: int


def city_names() -> list[str]:
    """The cities at hand."""
    return sorted(path.parent.name for path in DATA.glob("*/city.json"))


def load_city(name: str, *, by: Any = None) -> tuple[Area, list[Loaded]]:
    """The city's areas, desks and code patterns stand as its files say; said again nothing changes.

    Raises FieldError for an unknown name and LoadRefused should its areas not fit.
    """
    if name not in city_names():
        raise FieldError("name", _("没有这个城市的数据，现有：%(names)s") % {"names": "、".join(city_names())})
    folder = DATA / name
    city = orjson.loads((folder / "city.json").read_bytes())
    root, done = city["root"], []
    for level_name in city["levels"]:
        features = read_features(folder / f"{level_name}.geojson.gz", Columns(parent="parent_code", kind="kind"))
        plan = importers.plan_load(
            root=root["code"], root_name=root["name"], level=_level(level_name), features=features, parents_given=True
        )
        importers.commit(plan, by=by)
        done.append(Loaded(plan.level, len(plan.added), len(plan.changed), plan.unchanged))
    area = Area.objects.get(parent=None, code=root["code"])
    services.set_code_patterns(root=area, patterns={_level(key): value for key, value in city["patterns"].items()})
    services.set_desks(root=area, levels=[_level(key) for key in city["desks"]])
    services.change_area(area=area, attribution=root["attribution"], by=by)
    return area, done


def _level(name: str) -> int:
    return CodePattern.COMPONENT if name == "component" else Level[name.upper()]
