"""Lists of options say what Django's own say."""

import pytest
from django import forms
from django.test.html import parse_html

from dispatch.widgets import Select, SelectMultiple

CHOICES = [("", "不改"), (7, "七 <b>&\"'"), ("甲", "甲"), ("组 & 组", [("a", "A"), ("b", "B")])]


@pytest.mark.parametrize(
    ("ours", "theirs", "value"),
    [(Select, forms.Select, value) for value in (None, "", 7, "7", "b", "unknown", "七 <b>&\"'")]
    + [(SelectMultiple, forms.SelectMultiple, value) for value in (None, [], ["7", "a"], ["甲"], [""])],
)
def test_options_are_those_that_django_writes(ours, theirs, value):
    attrs = {"id": "a-b", "class": "form-select", "aria-invalid": "true"}
    made, wanted = (
        kind(attrs={"size": 5}, choices=CHOICES).render("category", value, attrs) for kind in (ours, theirs)
    )
    assert parse_html(made) == parse_html(wanted)
    assert "<b>" not in made
