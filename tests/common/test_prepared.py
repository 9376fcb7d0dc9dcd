"""A prepared read finds what the queryset finds, with the SQL worked out once."""

from datetime import date
from typing import Any

import pytest
from django.db.models import F

from gridgov.common.models import User
from gridgov.common.prepared import Prepared, PreparedRows
from grids.models import Area, AreaMembership
from tests.statements import counted
from tests.worlds import World

pytestmark = pytest.mark.django_db


def test_rows_are_those_of_the_queryset_for_any_values(world: World) -> None:
    def build(role: Any, on: Any, area: Any) -> Any:
        held = AreaMembership.objects.filter(role=role, starts_on__lte=on, area_id__gte=area)
        return held.annotate(login=F("user__username")).order_by("pk")

    prepared = Prepared(build, role=str, on=date, area=int)
    for role, on, area in (
        ("acceptor", date(2026, 1, 1), 1),
        ("acceptor", date(2019, 1, 1), 1),
        ("dispatcher", date(2020, 1, 1), 3),
        ("it's %s", date(2020, 1, 1), 1),
    ):
        wanted = list(build(role, on, area))
        found = prepared.rows(role=role, on=on, area=area)
        assert found == wanted
        assert [row.login for row in found] == [row.login for row in wanted]
        assert [row.starts_on for row in found] == [row.starts_on for row in wanted]


def test_instances_are_whole_and_not_new(world: World) -> None:
    user = Prepared(lambda pk: User.objects.filter(pk=pk), pk=int).first(pk=world.people["acceptor"].pk)
    assert user == world.people["acceptor"]
    assert user.date_joined == world.people["acceptor"].date_joined
    user.name = "改名"
    user.save()
    assert User.objects.get(pk=user.pk).name == "改名"


def test_nothing_found_is_none(world: World) -> None:
    with counted() as found:
        assert Prepared(lambda pk: User.objects.filter(pk=pk), pk=int).first(pk=0) is None
    assert len(found) == 1


def test_value_that_does_not_reach_the_query_is_refused() -> None:
    with pytest.raises(ValueError, match="other"):
        Prepared(lambda pk, other: User.objects.filter(pk=pk), pk=int, other=int).rows(pk=1, other=2)


def test_related_rows_are_refused(world: World) -> None:
    with pytest.raises(ValueError, match="select_related"):
        Prepared(lambda pk: AreaMembership.objects.select_related("user").filter(pk=pk), pk=int).rows(pk=1)


def test_rows_of_values_are_those_of_the_queryset_in_its_order(world: World) -> None:
    def build(lon: Any, least: Any) -> Any:
        found = Area.objects.filter(label_lon__gte=lon, pk__gte=least).annotate(above=F("parent__code"))
        return found.order_by("code").values_list("code", "above", "label_lon")

    prepared = PreparedRows(build, lon=float, least=int)
    for lon, least in ((0.0, 2), (103.62, 3), (103.62, 5), (180.0, 5)):
        assert prepared.rows(lon=lon, least=least) == list(build(lon, least))


def test_rows_of_values_want_a_list_of_values() -> None:
    with pytest.raises(ValueError, match="values_list"):
        PreparedRows(lambda pk: User.objects.filter(pk=pk), pk=int).rows(pk=1)
