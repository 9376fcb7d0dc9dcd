"""What a case says of the component that was reported (pure): the thing by its name, not by its number alone."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from grids.spatial import areas


@dataclass(frozen=True, slots=True)
class Reported:
    """The component of a case. ``place``: its address, or the area that it lies in."""

    code: str
    name: str
    place: str

    @property
    def label(self) -> str:
        """路灯001号（6201040118000001）."""
        return _("%(name)s（%(code)s）") % {"name": self.name, "code": self.code} if self.name else self.code

    def label_beside(self, where: str) -> str:
        """The label with the place, unless that is what already stands as the case's (``where``)."""
        return self.label if self.place in where else f"{self.label} · {self.place}"


def reported(code: str | None, name: str | None, address: str | None, area_id: int | None) -> Reported | None:
    """The component of a row's columns; None where the case has none."""
    return Reported(code, name or "", address or areas.full_name(area_id)) if code else None


def titled(category: str, component: Reported | None) -> str:
    """路灯 · 中山桥头灯, 路灯001号; the category alone where no component is known."""
    called = (component.name or component.code) if component is not None else ""
    return called if called.startswith(category) and called else " · ".join(part for part in (category, called) if part)
