"""The bodies that the API takes: shape and types only. What is right is judged by the loop and its services."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from gridgov.common.api import Body, Flag, Instant, Integer, Number, Text
from gridgov.common.coordinates import Crs
from incidents.models import Incident
from incidents.services.report import ADDRESS_LIMIT, DESCRIPTION_LIMIT, Report
from incidents.workflow import RESULTS, Action, RequestKind


class Choice(serializers.ChoiceField):
    """One of the words of a list, as a JSON string."""

    default_error_messages = {"invalid_choice": _("没有“{input}”这一选项")}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=str(data)[:40])
        if data not in self.choice_strings_to_values:
            self.fail("invalid_choice", input=data[:40])
        return super().to_internal_value(data)


def _attachments() -> serializers.ListField:
    return serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=20,
        help_text=_("POST /api/v1/attachments/ 返回的编号，最多20个"),
    )


def _crs(**options: Any) -> Choice:
    said = _("坐标系：wgs84（同cgcs2000）、gcj02、bd09")
    return Choice(choices=[crs.value for crs in Crs], help_text=said, **options)


class ReporterBody(Body):
    """Who told of it, if not the one who signs in."""

    name = Text(required=False, allow_blank=True, max_length=60, help_text=_("称呼"))
    phone = Text(required=False, allow_blank=True, max_length=25, help_text=_("电话"))


class ReportBody(Body):
    """A report. A position (``lon``, ``lat`` in ``crs``) or a component says where."""

    category = Text(max_length=20, help_text=_("小类代码，见 /api/v1/categories/"))
    description = Text(required=False, allow_blank=True, max_length=DESCRIPTION_LIMIT, help_text=_("描述"))
    lon = Number(required=False, allow_null=True, help_text=_("经度，度"))
    lat = Number(required=False, allow_null=True, help_text=_("纬度，度"))
    crs = _crs(required=False, default="wgs84")
    accuracy_m = Number(required=False, allow_null=True, help_text=_("定位精度，米"))
    occurred_at = Instant(required=False, allow_null=True, help_text=_("发生时间"))
    source = Choice(
        choices=Incident.Source.choices,
        required=False,
        help_text=_("来源，默认按岗位：网格员为worker，其余为hotline"),
    )
    component = Text(required=False, allow_blank=True, max_length=64, help_text=_("部件的标识码、短码或二维码标识"))
    address = Text(required=False, allow_blank=True, max_length=ADDRESS_LIMIT, help_text=_("地址"))
    reporter = ReporterBody(required=False, allow_null=True)
    attachments = _attachments()


def report_from(given: dict[str, Any], *, source: str) -> Report:
    """The service's report out of a checked body. ``source`` where the body names none."""
    reporter = given.get("reporter") or {}
    return Report(
        source=given.get("source") or source,
        category=given["category"],
        description=given.get("description", ""),
        address=given.get("address", ""),
        lon=given.get("lon"),
        lat=given.get("lat"),
        crs=given.get("crs", "wgs84"),
        accuracy_m=given.get("accuracy_m"),
        occurred_at=given.get("occurred_at"),
        component=given.get("component", ""),
        reporter_name=reporter.get("name", ""),
        reporter_phone=reporter.get("phone", ""),
        attachments=tuple(given.get("attachments", ())),
    )


class HandlerBody(Body):
    """Who is to handle: a department or a worker, by id."""

    department = Integer(required=False, min_value=1)
    worker = Integer(required=False, min_value=1)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError(_("请给出部门（department）或人员（worker）之一"), code="one_of")
        return attrs


class TransitionBody(Body):
    """An action with what it needs; which fields an action takes stands in the case's ``actions``."""

    action = Choice(choices=Action.choices)
    version = Integer(required=False, min_value=1, help_text=_("所见案件的版本；与当前不同时答409"))
    reason = Text(required=False, allow_blank=True)
    note = Text(required=False, allow_blank=True)
    attachments = _attachments()
    standard = Text(required=False, max_length=30, help_text=_("立案条件代码"))
    category = Text(required=False, max_length=20, help_text=_("小类代码"))
    lead = HandlerBody(required=False)
    joint = serializers.ListField(child=HandlerBody(), required=False, max_length=10)
    until = Instant(required=False)
    checker = Integer(required=False, min_value=1, help_text=_("核实人的用户编号"))
    verifier = Integer(required=False, min_value=1, help_text=_("核查人的用户编号"))
    into = Text(required=False, max_length=24, help_text=_("主案件编号"))
    target = Integer(required=False, min_value=1, help_text=_("目标中心的区域编号"))
    result = Choice(choices=list(RESULTS.items()), required=False)
    level = Integer(required=False, min_value=1, help_text=_("督办级别"))
    milestone = Text(required=False, max_length=30)
    waive = Text(required=False, allow_blank=True, help_text=_("免除未办结协办的原因"))
    lon = Number(required=False)
    lat = Number(required=False)
    crs = _crs(required=False)
    address = Text(required=False, allow_blank=True)
    description = Text(required=False, allow_blank=True)
    clocks = Choice(choices=[("keep", _("保留已用时间")), ("restart", _("重新起算"))], required=False)


class RequestBody(Body):
    """A request for what needs somebody's decision."""

    kind = Choice(choices=RequestKind.choices)
    reason = Text()
    attachments = _attachments()
    until = Instant(required=False, help_text=_("挂账至何时"))


class DecisionBody(Body):
    """The decision on a request."""

    grant = Flag()
    reason = Text(required=False, allow_blank=True, help_text=_("不同意时必填"))


class DoneBody(Body):
    """The result of a joint ticket."""

    note = Text()
    attachments = _attachments()


class ReasonBody(Body):
    """Why."""

    reason = Text(max_length=500)


class TokenBody(Body):
    """A sign-in."""

    login = Text(max_length=150)
    password = Text(max_length=128, trim_whitespace=False, style={"input_type": "password"})
    code = Text(max_length=20, required=False, help_text=_("动态验证码；账号设有第二因素时必填"))


class UploadBody(serializers.Serializer):
    """A file as multipart/form-data."""

    file = serializers.FileField()
