"""Counting that ends at a limit."""

import pytest

from gridgov.common import bounded
from gridgov.common.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(monkeypatch):
    monkeypatch.setattr(bounded, "MOST", 3)
    User.objects.all().delete()
    return [User.objects.create(username=f"p{n}", name="甲" if n % 2 else "") for n in range(5)]


def test_counts_end_at_the_limit_and_say_that_there_are_more(people, django_assert_num_queries):
    everybody = User.objects.order_by("username")
    with django_assert_num_queries(1):
        counts = bounded.count_up_to(
            {
                "all": everybody,
                "three": everybody.filter(username__lt="p3"),
                "named": everybody.filter(name="甲"),
                "none": everybody.none(),
                "one": everybody.filter(username__contains="p4"),
            }
        )
    assert counts == {"all": 4, "three": 3, "named": 2, "none": 0, "one": 1}
    assert [bounded.words(counts[key]) for key in ("all", "three", "none")] == ["3+", "3", "0"]


def test_nothing_is_asked_where_nothing_can_be_there(people, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert bounded.count_up_to({"none": User.objects.none()}) == {"none": 0}
        assert bounded.count_up_to({}) == {}


def test_each_count_reads_no_further_than_the_limit(people, django_assert_max_num_queries):
    with django_assert_max_num_queries(1) as asked:
        bounded.count_up_to({"all": User.objects.all(), "named": User.objects.filter(name="甲")})
    assert asked.captured_queries[0]["sql"].count("LIMIT 4") == 2
