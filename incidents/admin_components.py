"""The component categories of the catalogue, for the admin of components."""

from collections.abc import Iterator

from grids import component_types
from grids.component_types import ComponentType
from incidents.catalogue import catalogue
from incidents.models import Category


@component_types.tell
def component_categories() -> Iterator[ComponentType]:
    """The active 小类 of components, each by the code at which ``category_of_component`` finds it: without its C."""
    book = catalogue()
    for parent in book.categories():
        for one in book.categories(parent.id):
            if one.kind == Category.Kind.COMPONENT:
                figures = one.code.removeprefix("C")
                yield ComponentType(figures if figures.isdecimal() else one.code, one.name, parent.name)
