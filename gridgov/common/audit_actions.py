"""Every action that stands in the audit trail, by its name, in the groups by which it is asked for (pure).

A test reads the whole source for what is recorded: an action that is not here, or here and recorded nowhere, fails it.
"""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise

#: Key of the group: what it is called, and its actions with their names.
GROUPS: Mapping[str, tuple[Words, Mapping[str, Words]]] = {
    "access": (
        _("登录与会话"),
        {
            "sign_in": _("登录"),
            "sign_in.failed": _("登录失败"),
            "sign_in.locked": _("登录锁定"),
            "sign_out": _("退出登录"),
            "lockout.release": _("解锁账号"),
            "session.end": _("强制退出一处登录"),
            "session.end_all": _("强制退出全部登录"),
            "token.issue": _("发放接口令牌"),
            "token.revoke": _("作废接口令牌"),
        },
    ),
    "accounts": (
        _("账号与密码"),
        {
            "user.close": _("停用账号"),
            "user.reopen": _("启用账号"),
            "password.change": _("更改密码"),
            "password.reset": _("重置密码"),
            "second_factor.set": _("绑定动态验证码"),
            "second_factor.remove": _("解除动态验证码"),
            "second_factor.codes": _("更换恢复码"),
            "second_factor.recovery": _("用恢复码登录"),
        },
    ),
    "permissions": (
        _("任职与权限"),
        {
            "posting.begin": _("任职开始"),
            "posting.end": _("任职结束"),
            "posting.withdraw": _("撤销任职"),
        },
    ),
    "people": (
        _("人员与部门"),
        {
            "worker.hire": _("录入人员"),
            "worker.transfer": _("人员调动"),
            "worker.leave": _("人员离职"),
            "department.create": _("增加部门"),
            "department.change": _("修改部门"),
            "department.move": _("部门改属"),
        },
    ),
    "reveals": (_("查看完整电话"), {"phone.reveal": _("查看完整电话")}),
    "exports": (
        _("导出"),
        {
            "export_started": _("开始导出"),
            "export_cancelled": _("取消导出"),
            "export_fetched": _("下载导出文件"),
            "audit.export": _("导出审计记录"),
        },
    ),
    "rules": (
        _("规则"),
        {
            "routing.save_rule": _("保存派遣规则"),
            "routing.withdraw_rule": _("停用派遣规则"),
            "escalation.save_targets": _("保存升级对象"),
            "calendar.save_version": _("保存工作日历"),
            "catalogue.category": _("保存类别"),
            "catalogue.standard": _("保存立案条件"),
            "catalogue.ladder": _("保存升级阶梯"),
            "catalogue.default_limits": _("保存默认时限"),
            "assessment_scheme.save": _("保存考核方案"),
            "canned_text.saved": _("保存共享常用语"),
            "saved_view.save": _("保存共享视图"),
            "saved_view.delete": _("删除共享视图"),
        },
    ),
    "areas": (
        _("区域"),
        {
            "area.load": _("导入区域"),
            "area.change": _("修改区域"),
            "area.redraw": _("调整边界"),
            "zone.save": _("保存专属网格"),
            "zone.delete": _("删除专属网格"),
            "servicezone.load": _("导入专属网格"),
            "pattern.create": _("增加编码规则"),
            "pattern.change": _("修改编码规则"),
            "pattern.delete": _("删除编码规则"),
        },
    ),
    "components": (
        _("部件与场所"),
        {
            "component.create": _("增加部件"),
            "component.change": _("修改部件"),
            "component.delete": _("删除部件"),
            "component.load": _("导入部件"),
            "component.duty": _("指定部件责任部门"),
            "place.create": _("增加场所"),
            "place.change": _("修改场所"),
            "place.delete": _("删除场所"),
            "place.load": _("导入场所"),
        },
    ),
    "assessment": (
        _("考核"),
        {
            "assessment.review": _("审核考核分"),
            "assessment.reply": _("网格员答复"),
            "assessment.publish": _("公布考核分"),
            "assessment.correct": _("更正考核"),
        },
    ),
    "running": (
        _("运行与导入"),
        {
            "notice.resend": _("重发通知"),
            "incident.adopt": _("导入历史案件"),
            "demo.marked": _("建立演示库"),
            "demo.seeded": _("演示数据就绪"),
        },
    ),
}
ACTIONS: Mapping[str, Words] = {
    action: words for _label, actions in GROUPS.values() for action, words in actions.items()
}


def name(action: str) -> str:
    """The action in words; one that an earlier release wrote, as it stands."""
    return str(ACTIONS.get(action, action))


def called(text: str) -> list[str]:
    """The actions that ``text`` names: by code, or by a part of their words."""
    return [action for action, words in ACTIONS.items() if text == action or text in str(words)]
