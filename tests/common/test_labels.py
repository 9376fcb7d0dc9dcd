"""Labels are remembered by what they belong to, and by language."""

import pytest
from django.utils.translation import get_language, override

from dispatch.models import Request, Ticket
from gridgov.common.labels import label
from incidents.workflow import Action, RequestKind


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_label_is_that_of_the_active_language(language: str) -> None:
    with override(language):
        for kind in (Action, RequestKind, Ticket.State, Request.State):
            for member in kind:
                assert label(kind, member.value, get_language()) == label(kind, member, get_language())
                assert label(kind, member.value, get_language()) == str(member.label)


def test_same_value_of_two_kinds_has_two_labels() -> None:
    with override("en"):
        assert RequestKind.SUSPEND == Action.SUSPEND
        assert label(RequestKind, "suspend", "en") == str(RequestKind.SUSPEND.label)
        assert label(Action, "suspend", "en") == str(Action.SUSPEND.label)


def test_what_is_no_choice_has_no_label() -> None:
    with pytest.raises(ValueError, match="nothing"):
        label(Action, "nothing", "en")
