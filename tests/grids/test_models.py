"""What the database refuses about areas."""

import datetime as dt

import pytest
from django.db import IntegrityError, transaction

from grids.models import Area, AreaMembership, CodePattern, Component, IndexRevision, Level, Place
from tests.grids.cities import area, make_city

pytestmark = pytest.mark.django_db


@pytest.fixture
def city() -> Area:
    return make_city()


def values(city: Area, **other: object) -> dict[str, object]:
    return {
        "root": city, "level": Level.GRID, "code": "x", "name": "x", "parent": area("110101001001"), "path": "/",
        "boundary": b"", "min_lon": 1, "max_lon": 2, "min_lat": 1, "max_lat": 2, "label_lon": 1, "label_lat": 1,
        "area_m2": 1, "valid_from": dt.date(2026, 1, 1), "revision": 1,
    } | other  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        ({"code": "110101001001001"}, "area_code_unique"),
        ({"level": 6}, "area_level_known"),
        ({"parent": None}, "area_city_is_root"),
        ({"level": 1}, "area_city_is_root"),
        ({"code": ""}, "area_code_given"),
        ({"min_lon": 3}, "area_box_ordered"),
        ({"max_lat": 104}, "area_box_ordered"),
        ({"area_m2": -1}, "area_size_positive"),
        ({"valid_to": dt.date(2025, 1, 1)}, "area_validity_ordered"),
    ],
)
def test_area_constraint_refuses(city, wrong, constraint):
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        Area.objects.create(**values(city, **wrong))
    if constraint != "area_code_unique":  # SQLite names the columns of a unique constraint, not the constraint
        assert constraint in str(refused.value)


def test_area_own_parent_refused(city):
    with pytest.raises(IntegrityError, match="area_not_its_own_parent"), transaction.atomic():
        Area.objects.filter(code="110101001001001").update(parent=area("110101001001001"))


def test_root_code_names_one_city(city):
    wrong = values(city, level=1, parent=None, root=None, code=city.code)
    with pytest.raises(IntegrityError), transaction.atomic():
        Area.objects.create(**wrong)


def test_code_may_repeat_at_another_level_and_in_another_city(city):
    make_city("110100000000", district="110101", lon=110.0)
    assert Area.objects.filter(code="110101").count() == 2
    # a district may repeat its city's code, as 40 real ones do
    make_city("220200", district="220200", lon=120.0)
    assert Area.objects.filter(code="220200").count() == 2


def test_index_revision_has_one_row(city):
    with pytest.raises(IntegrityError), transaction.atomic():
        IndexRevision.objects.create(pk=2, value=1)


def test_code_pattern_is_one_a_level(city):
    CodePattern.objects.create(root=city, level=Level.GRID, pattern=r"\d{15}")
    with pytest.raises(IntegrityError), transaction.atomic():
        CodePattern.objects.create(root=city, level=Level.GRID, pattern=r"\d+")


def test_component_gets_its_own_printed_codes(city):
    grid = area("110101001001001")
    one, two = (
        Component.objects.create(root=city, code=code, type_code="0101", lon=104.001, lat=36.001, area=grid)
        for code in ("1101010101000001", "1101010101000002")
    )
    assert len(one.short_code) == 8
    assert len(one.qr_token) == 16
    assert one.short_code != two.short_code
    assert one.qr_token != two.qr_token
    assert one.code not in one.qr_token


@pytest.mark.parametrize("wrong", [{"lon": 181}, {"lat": 104, "lon": 36}])
def test_place_position_must_be_on_earth(city, wrong):
    position = {"lon": 104.001, "lat": 36.001} | wrong
    with pytest.raises(IntegrityError, match="place_position"), transaction.atomic():
        Place.objects.create(root=city, code="p", kind="shop", name="p", area=area("110101001001001"), **position)


def test_membership_cannot_end_before_it_starts(city, django_user_model):
    from_, to = dt.date(2026, 2, 1), dt.date(2026, 1, 1)
    user = django_user_model.objects.create_user("someone")
    group = user.groups.create(name="x@1")
    with pytest.raises(IntegrityError, match="areamembership_ordered"), transaction.atomic():
        AreaMembership.objects.create(
            user=user, area=city, role="x", group=group, starts_on=from_, ends_on=to, posting_ref="1"
        )
