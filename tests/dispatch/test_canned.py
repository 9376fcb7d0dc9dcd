"""The variables of canned texts."""

import pytest

from dispatch import canned
from gridgov.common.errors import FieldError


def test_text_is_filled_in_and_what_has_no_value_is_left_to_be_seen() -> None:
    text = "{编号}：{ 类别 }由{部门}处置，{编号}"
    assert canned.named(text) == ["编号", "类别", "部门"]
    filled = canned.fill(text, {"编号": "62090100001", "类别": "暴露垃圾", "部门": ""})
    assert filled == "62090100001：暴露垃圾由{部门}处置，62090100001"


@pytest.mark.parametrize("text", ["{电话}", "{姓名}", "{}", "{reporter.phone}", "{编号", "编号}", "{{编号}}"])
def test_unknown_variable_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(FieldError) as refused:
        canned.check(text, field="words")
    assert (refused.value.field, refused.value.code) == ("words", "variable")


def test_every_variable_passes() -> None:
    canned.check("".join(f"{{{name}}}" for name in canned.VARIABLES))


def test_filling_in_is_not_done_twice() -> None:
    assert canned.fill("{地址}", {"地址": "{编号}", "编号": "1"}) == "{编号}"
