"""The key of each thing that can be done to a case, as printed on its button (pure).

One letter may stand for several actions that are never open together, or of which the first that is open is meant.
"""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy, pgettext_lazy

from incidents.workflow import Action as A

#: In the order in which they are looked for.
KEYS: Mapping[str, str] = {
    A.ACCEPT.value: "A",
    A.APPROVE_ON_SITE.value: "A",
    A.FILE.value: "F",
    A.DISPATCH.value: "D",
    A.IMPOSE.value: "D",
    A.REQUEST_VERIFICATION.value: "V",
    A.PASS.value: "V",
    A.FAIL.value: "R",
    A.REFUSE_FEEDBACK.value: "R",
    A.REFUSE_ON_SITE.value: "R",
    A.SEND_BACK.value: "R",
    A.CLOSE.value: "E",
    A.NOTE.value: "N",
    A.MERGE.value: "M",
    A.REQUEST_CHECK.value: "H",
    A.REJECT.value: "X",
    A.DECLINE.value: "X",
    A.SUPERVISE.value: "S",
}

#: What the command line finds a case, an area, a category or a component by.
FINDABLE = gettext_lazy("案件编号、地址、电话尾号、区域、类别、部件，可用拼音首字母")
#: Every key of the workbench and what it does: the sheet under "?" and docs/howto/keys.md are this table.
SHEET = (
    (("J", "K"), gettext_lazy("下一件、上一件")),
    (("↵",), gettext_lazy("到右侧办理")),
    (("Ctrl", "↵"), gettext_lazy("提交正在填写的表单")),
    (("Esc",), gettext_lazy("回到队列")),
    (("Z",), gettext_lazy("提示条给出撤回时撤回，如派遣、并案；受理、立案由下一岗位回退")),
    (("C",), gettext_lazy("认领、放开")),
    (("A",), gettext_lazy("受理")),
    (("F",), gettext_lazy("立案")),
    (("D",), gettext_lazy("派遣")),
    (("V",), gettext_lazy("发核查、核查通过")),
    (("R",), gettext_lazy("退回、返工")),
    (("E",), gettext_lazy("结案")),
    (("H",), gettext_lazy("发核实")),
    (("X",), gettext_lazy("不予受理、不予立案")),
    (("M",), gettext_lazy("并案")),
    (("S",), pgettext_lazy("verb", "督办")),
    (("N",), gettext_lazy("批注")),
    (("T",), gettext_lazy("套用常用语")),
    (("U",), gettext_lazy("加入新案件")),
    (("B",), gettext_lazy("多选，空格选中")),
    (("/",), gettext_lazy("查找：案件编号、地址、电话尾号、区域、类别、部件，可用拼音首字母")),
    (("G", "Q"), gettext_lazy("到队列")),
    (("G", "M"), gettext_lazy("到地图")),
    (("G", "R"), gettext_lazy("到案件")),
    (("?",), gettext_lazy("这张表")),
)


def key_of(action: str) -> str:
    """The letter on the button; empty for what has none."""
    return KEYS.get(action, "")
