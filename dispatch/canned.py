"""The variables of canned texts (pure): what they are, which a text names, and a text with them filled in.

A variable stands in braces: ``{编号}``. None says anything of a person: no name, no telephone number.
"""

import re
from collections.abc import Mapping

from django.utils.translation import gettext as _

from gridgov.common.errors import FieldError

#: What can be named, in the order in which a form offers it.
VARIABLES: tuple[str, ...] = (
    "编号", "类别", "大类", "地址", "区县", "街道", "社区", "网格", "中心", "立案条件", "结案条件", "部门", "时限",
    "收到时间", "日期",
)  # fmt: skip
TEXT_LIMIT = 1_000
_NAMED = re.compile(r"\{([^{}]*)\}")


def named(text: str) -> list[str]:
    """What the text names in braces, each once, known or not."""
    return list(dict.fromkeys(found.strip() for found in _NAMED.findall(text)))


def check(text: str, *, field: str = "text") -> None:
    """Nothing, or FieldError: a variable that is none, or a brace without its other half."""
    unknown = [name for name in named(text) if name not in VARIABLES]
    if unknown:
        raise FieldError(
            field,
            _("没有变量{%(name)s}；可用：%(known)s") % {"name": unknown[0][:20], "known": "、".join(VARIABLES)},
            code="variable",
        )
    if re.search(r"[{}]", _NAMED.sub("", text)):
        raise FieldError(field, _("花括号不成对"), code="variable")


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables filled in; one without a value (no department yet) is left for the person to see."""
    return _NAMED.sub(lambda found: values.get(found.group(1).strip(), "") or found.group(0), text)
