"""The shapes of the API's answers, for the OpenAPI schema only: the answers themselves are built by ``shapes``."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, inline_serializer
from rest_framework import serializers as s

from dispatch.models import Request, Ticket
from incidents.models import Attachment, Clock, ClockKind, Incident
from incidents.workflow import RequestKind, Stage, Status


def _null(field: type[s.Field], **options: Any) -> s.Field:
    return field(allow_null=True, **options)


class FieldProblem(s.Serializer):
    field = s.CharField()
    message = s.CharField()
    code = s.CharField()


class Problem(s.Serializer):
    """RFC 9457 problem details (application/problem+json)."""

    type = s.CharField()
    title = s.CharField()
    status = s.IntegerField()
    detail = s.CharField()
    code = s.CharField()
    errors = FieldProblem(many=True, required=False, help_text="400")
    missing = s.CharField(required=False, help_text="403")
    actor = s.CharField(required=False, help_text="409")
    at = s.DateTimeField(required=False, allow_null=True, help_text="409")
    action = s.CharField(required=False, help_text="409")
    version = s.IntegerField(required=False, help_text="409")
    until = s.DateTimeField(required=False, help_text="409 claimed")


_SAID = {
    400: _("提交的内容有误：errors逐项说明"),
    401: _("尚未登录"),
    403: _("没有权限：missing说明所缺"),
    404: _("不存在，或无权知道其存在"),
    409: _("案件已变动，或此状态下不能这样办：actor、at、action、version说明何人何时做了什么"),
    413: _("内容过大"),
    415: _("不支持的内容类型"),
    429: _("请求过于频繁"),
}


def refusal(code: int) -> str:
    """What a refusal with the status means."""
    return str(_SAID[code])


def problems(*codes: int) -> dict[int, OpenApiResponse]:
    """The refusals that an endpoint may answer with."""
    return {code: OpenApiResponse(Problem, description=_SAID[code]) for code in codes}


class AreaName(s.Serializer):
    id = s.IntegerField()
    level = s.IntegerField()
    code = s.CharField()
    name = s.CharField()


class CategoryName(s.Serializer):
    code = s.CharField()
    name = s.CharField()


class Handler(s.Serializer):
    department = s.IntegerField(required=False)
    worker = s.IntegerField(required=False)
    name = s.CharField()


class Person(s.Serializer):
    id = s.IntegerField()
    name = s.CharField()


class ClaimAnswer(s.Serializer):
    by = Person()
    claimed_at = s.DateTimeField()
    until = s.DateTimeField()


class _Standing(s.Serializer):
    status = s.ChoiceField(choices=Status.choices)
    status_label = s.CharField()
    stage = s.ChoiceField(choices=Stage.choices)
    stage_label = s.CharField()


class CaseRow(_Standing):
    number = s.CharField()
    version = s.IntegerField()
    source = s.ChoiceField(choices=Incident.Source.choices)
    category = CategoryName()
    description = s.CharField()
    address = s.CharField()
    lon = _null(s.FloatField)
    lat = _null(s.FloatField)
    areas = AreaName(many=True)
    holder = AreaName()
    lead = Handler(allow_null=True)
    received_at = s.DateTimeField()
    status_at = s.DateTimeField()
    due_at = _null(s.DateTimeField)
    is_overdue = s.BooleanField()
    suspended_until = _null(s.DateTimeField)
    closed_at = _null(s.DateTimeField)
    is_urgent = s.BooleanField()
    is_confidential = s.BooleanField()
    supervision_level = s.IntegerField()
    rework_count = s.IntegerField()
    claim = ClaimAnswer(allow_null=True)


class Milestone(s.Serializer):
    key = s.CharField()
    label = s.CharField()
    due_at = _null(s.DateTimeField)
    met_at = _null(s.DateTimeField)


class ClockAnswer(s.Serializer):
    kind = s.ChoiceField(choices=ClockKind.choices)
    label = s.CharField()
    cycle = s.IntegerField()
    state = s.ChoiceField(choices=Clock.State.choices)
    state_label = s.CharField()
    started_at = s.DateTimeField()
    due_at = _null(s.DateTimeField)
    stopped_at = _null(s.DateTimeField)
    is_overdue = s.BooleanField()
    is_exempt = s.BooleanField()
    breached_at = _null(s.DateTimeField)
    breach_cured_at = _null(s.DateTimeField)
    allowance = s.CharField()
    explain = s.CharField()
    milestones = Milestone(many=True)


class TicketAnswer(s.Serializer):
    id = s.IntegerField()
    assignment = s.IntegerField()
    is_lead = s.BooleanField()
    is_final = s.BooleanField()
    handler = Handler()
    state = s.ChoiceField(choices=Ticket.State.choices)
    state_label = s.CharField()
    round = s.IntegerField()
    due_at = _null(s.DateTimeField)
    dispatched_by = _null(s.CharField)
    dispatched_at = s.DateTimeField()
    signed_by = _null(s.CharField)
    signed_at = _null(s.DateTimeField)
    ended_at = _null(s.DateTimeField)
    result = s.CharField()


class RequestAnswer(s.Serializer):
    id = s.IntegerField()
    kind = s.ChoiceField(choices=RequestKind.choices)
    kind_label = s.CharField()
    state = s.ChoiceField(choices=Request.State.choices)
    state_label = s.CharField()
    asked_by = s.CharField()
    asked_at = s.DateTimeField()
    reason = s.CharField()
    until = _null(s.DateTimeField)
    level = s.IntegerField()
    decide_by_at = _null(s.DateTimeField)
    decided_by = _null(s.CharField)
    decided_at = _null(s.DateTimeField)
    decision_reason = s.CharField()


class AttachmentAnswer(s.Serializer):
    id = s.UUIDField()
    kind = s.ChoiceField(choices=Attachment.Kind.choices)
    name = s.CharField()
    url = s.URLField()
    size = s.IntegerField()
    sha256 = s.CharField()
    width = _null(s.IntegerField)
    height = _null(s.IntegerField)
    taken_at = _null(s.DateTimeField)
    lon = _null(s.FloatField)
    lat = _null(s.FloatField)
    uploaded_by = _null(s.CharField)
    uploaded_at = s.DateTimeField()
    entry_seq = _null(s.IntegerField)


class EntryAnswer(s.Serializer):
    seq = s.IntegerField()
    action = s.CharField()
    label = s.CharField()
    # a keyword of Python, and a name of the interface
    vars()["from"] = _null(s.CharField)
    to = s.CharField()
    actor = s.CharField()
    role = _null(s.CharField)
    role_label = s.CharField()
    channel = s.CharField()
    version = s.IntegerField()
    at = s.DateTimeField()
    text = s.CharField()
    mac = s.CharField()


class FieldAnswer(s.Serializer):
    name = s.CharField()
    label = s.CharField()
    required = s.BooleanField()
    kind = s.CharField()
    choices = s.DictField(child=s.CharField(), allow_null=True)


class ActionAnswer(s.Serializer):
    action = s.CharField()
    label = s.CharField()
    stage = s.ChoiceField(choices=Stage.choices)
    request = s.BooleanField(help_text=_("true：须经 requests/ 提出申请"))
    fields = FieldAnswer(many=True)


class Duplicate(_Standing):
    number = s.CharField()
    category = CategoryName()
    score = s.FloatField()
    distance_m = s.FloatField()
    gap_minutes = s.IntegerField()


class Routing(s.Serializer):
    lead = Handler(allow_null=True)
    joint = Handler(many=True)
    reason = s.CharField()
    rule = _null(s.IntegerField)


class StandardAnswer(s.Serializer):
    code = s.CharField()
    condition = s.CharField()
    closing_condition = s.CharField()
    before_photo_count = s.IntegerField()
    after_photo_count = s.IntegerField()
    verification_photo_count = s.IntegerField()


class ReporterAnswer(s.Serializer):
    name = s.CharField()
    phone = s.CharField(help_text="138****2716")
    may_reveal = s.BooleanField()


class CaseAnswer(_Standing):
    number = s.CharField()
    version = s.IntegerField()
    source = s.ChoiceField(choices=Incident.Source.choices)
    source_label = s.CharField()
    category = CategoryName()
    standard = StandardAnswer(allow_null=True)
    description = s.CharField()
    address = s.CharField()
    lon = _null(s.FloatField)
    lat = _null(s.FloatField)
    accuracy_m = _null(s.FloatField)
    areas = AreaName(many=True)
    is_placed = s.BooleanField()
    component = _null(s.CharField)
    holder = AreaName()
    first_receiver = AreaName()
    occurred_at = _null(s.DateTimeField)
    received_at = s.DateTimeField()
    status_at = s.DateTimeField()
    due_at = _null(s.DateTimeField)
    is_overdue = s.BooleanField()
    suspended_until = _null(s.DateTimeField)
    closed_at = _null(s.DateTimeField)
    ended_at = _null(s.DateTimeField)
    reporter = ReporterAnswer(allow_null=True)
    reported_by = Person(allow_null=True)
    checker = Person(allow_null=True)
    verifier = Person(allow_null=True)
    parent = _null(s.CharField)
    merged = s.ListField(child=s.CharField())
    is_urgent = s.BooleanField()
    is_confidential = s.BooleanField()
    is_force_closed = s.BooleanField()
    is_answered = s.BooleanField()
    supervision_level = s.IntegerField()
    rework_count = s.IntegerField()
    return_count = s.IntegerField()
    extension_count = s.IntegerField()
    reopen_count = s.IntegerField()
    evaluation = _null(s.CharField)
    claim = ClaimAnswer(allow_null=True)
    clocks = ClockAnswer(many=True)
    tickets = TicketAnswer(many=True)
    requests = RequestAnswer(many=True)
    attachments = AttachmentAnswer(many=True)
    duplicates = Duplicate(many=True)
    routing = Routing(allow_null=True)
    journal = EntryAnswer(many=True)
    journal_next = _null(s.URLField)
    actions = ActionAnswer(many=True)


class ReceivedAnswer(_Standing):
    number = s.CharField()
    version = s.IntegerField()
    url = s.URLField()
    token = s.CharField(allow_blank=True, help_text=_("上报人凭此查询、评价"))
    repeated = s.BooleanField()


class OutcomeAnswer(_Standing):
    number = s.CharField()
    version = s.IntegerField()
    seq = s.IntegerField()
    tickets = s.ListField(child=s.IntegerField())


class AskedAnswer(s.Serializer):
    id = s.IntegerField()
    url = s.URLField()


class DecidedAnswer(s.Serializer):
    id = s.IntegerField()
    state = s.ChoiceField(choices=Request.State.choices)
    outcome = OutcomeAnswer(allow_null=True)


class TicketCase(_Standing):
    number = s.CharField()
    version = s.IntegerField()
    category = CategoryName()
    address = s.CharField()
    description = s.CharField()
    is_urgent = s.BooleanField()


class TicketRow(s.Serializer):
    id = s.IntegerField()
    incident = TicketCase()
    is_lead = s.BooleanField()
    is_final = s.BooleanField()
    handler = Handler()
    state = s.ChoiceField(choices=Ticket.State.choices)
    state_label = s.CharField()
    round = s.IntegerField()
    due_at = _null(s.DateTimeField)
    is_overdue = s.BooleanField()
    dispatched_at = s.DateTimeField()
    signed_at = _null(s.DateTimeField)
    ended_at = _null(s.DateTimeField)
    result = s.CharField()


class RequestCase(_Standing):
    number = s.CharField()
    category = CategoryName()
    address = s.CharField()


class RequestRow(s.Serializer):
    id = s.IntegerField()
    incident = RequestCase()
    kind = s.ChoiceField(choices=RequestKind.choices)
    kind_label = s.CharField()
    state = s.ChoiceField(choices=Request.State.choices)
    state_label = s.CharField()
    asked_by = s.CharField()
    asked_at = s.DateTimeField()
    reason = s.CharField()
    until = _null(s.DateTimeField)
    level = s.IntegerField()
    decide_by_at = _null(s.DateTimeField)


class LinkAnswer(s.Serializer):
    """A signed address."""

    url = s.URLField()
    expires_at = s.DateTimeField()


class UploadAnswer(s.Serializer):
    id = s.UUIDField()
    sha256 = s.CharField()
    kind = s.ChoiceField(choices=Attachment.Kind.choices)
    name = s.CharField()
    size = s.IntegerField()
    width = _null(s.IntegerField)
    height = _null(s.IntegerField)
    taken_at = _null(s.DateTimeField)
    lon = _null(s.FloatField)
    lat = _null(s.FloatField)
    url = s.URLField()


class TokenAnswer(s.Serializer):
    token = s.CharField()
    user = Person()


class PhoneAnswer(s.Serializer):
    name = s.CharField()
    phone = s.CharField()


class PostingAnswer(s.Serializer):
    role = s.CharField()
    label = s.CharField()
    area = AreaName(allow_null=True)
    department = Handler(allow_null=True)


class MeAnswer(s.Serializer):
    id = s.IntegerField()
    name = s.CharField()
    login = s.CharField()
    desk = AreaName(allow_null=True)
    postings = PostingAnswer(many=True)
    capabilities = s.DictField(child=s.ListField(child=s.IntegerField()), help_text=_("权限 → 区域编号"))


class CategoryAnswer(s.Serializer):
    code = s.CharField()
    name = s.CharField()
    kind = s.CharField()
    parent = _null(s.CharField)
    is_reportable = s.BooleanField()
    is_answerable = s.BooleanField()
    is_must_report = s.BooleanField()
    is_confidential = s.BooleanField()
    is_urgent = s.BooleanField()
    holder_level = s.IntegerField()


class LimitAnswer(s.Serializer):
    clock = s.ChoiceField(choices=ClockKind.choices)
    milestone = s.CharField()
    label = s.CharField()
    allowance = s.CharField()
    certainty = s.CharField()


class FilingStandardAnswer(StandardAnswer):
    category = s.CharField()
    law = s.CharField()
    certainty = s.CharField()
    source = s.CharField()
    version = s.IntegerField()
    limits = LimitAnswer(many=True)


def page_of(name: str, row: type[s.Serializer]) -> s.Serializer:
    """A page of rows."""
    return inline_serializer(name, {"results": row(many=True), "next": s.URLField(allow_null=True)})


def results_of(name: str, row: type[s.Serializer]) -> s.Serializer:
    """All rows at once."""
    return inline_serializer(name, {"results": row(many=True)})
