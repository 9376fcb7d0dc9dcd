"""What somebody may see, told apart from who he is: people with the same sight are shown the same figures.

A sight is the areas in which one may see cases, and the person himself only where that says more: where he is named on
confidential cases, or holds no area and sees what concerns him.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from dispatch.actors import Actor
from grids import permissions
from grids.capabilities import Capability

#: Nobody has this id: a sight that is no single person's sees no confidential case.
_NOBODY = 0


@dataclass(frozen=True, slots=True)
class Sight:
    """Whoever has it sees exactly the cases of ``dispatch.visibility.cases_of`` for :attr:`actor`."""

    areas: frozenset[int]
    person: int | None = None
    departments: frozenset[int] = frozenset()
    worker: int | None = None

    @classmethod
    def of(cls, by: Actor, *, is_named: bool) -> "Sight":
        """The sight of a person. ``is_named``: on any confidential case."""
        if by.is_system or by.user_id is None:
            raise ValueError("the system and reporters see no figures")
        areas = permissions.visible_area_ids(by.grants)
        if areas:
            return cls(areas, by.user_id if is_named else None)
        return cls(areas, by.user_id, by.department_ids, by.worker_id)

    @property
    def actor(self) -> Actor:
        """Somebody with this sight and no other right."""
        return Actor(
            user_id=_NOBODY if self.person is None else self.person,
            grants=frozenset((Capability.VIEW_INCIDENT.value, area_id) for area_id in self.areas),
            department_ids=self.departments,
            worker_id=self.worker,
            channel="picture",
        )

    def key(self, *more: int | None) -> str:
        """A digest that two different sights never share, nor one sight of different ``more``."""
        return hashlib.sha256(orjson.dumps([self.as_json(), more], option=orjson.OPT_SORT_KEYS)).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """What :meth:`from_json` reads."""
        return {
            "areas": sorted(self.areas), "person": self.person, "departments": sorted(self.departments),
            "worker": self.worker,
        }  # fmt: skip

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Sight":
        """The sight that was written."""
        return cls(frozenset(told["areas"]), told["person"], frozenset(told["departments"]), told["worker"])
