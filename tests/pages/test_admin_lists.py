"""The admin's lists: what they cost does not grow with what they show."""

import pytest
from django.urls import reverse

#: List pages with more than a handful of rows in the world, and what makes one more of them.
LISTS = [
    "grids_area", "grids_areamembership", "personnel_department", "personnel_worker", "personnel_posting",
    "incidents_category", "incidents_filingstandard", "incidents_limit", "incidents_ladder",
    "dispatch_escalationtarget", "dispatch_cannedtext", "common_calendarversion", "common_workcalendar",
]  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_lists_cost_the_same_for_one_row_and_for_many(sign_in, statements, name):
    client = sign_in("system_admin")
    url = reverse(f"admin:{name}_changelist")
    many = client.get(url).context["cl"].result_count
    first = client.get(url).context["cl"].queryset.first()
    whole = statements(client, url)
    assert whole <= 12, name
    if first is not None and many > 1:
        one = statements(client, f"{url}?pk__exact={first.pk}")
        assert one <= whole <= one + 1, (name, one, whole)
