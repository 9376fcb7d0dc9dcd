"""The shapes of the workbench's bodies and answers."""

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers as s

from dispatch.api.answers import ActionAnswer, AreaName, CategoryName, _null, _Standing
from dispatch.api.bodies import TransitionBody
from gridgov.common.api import Body, Flag, Integer, Text
from incidents.models import ClockKind
from incidents.workflow import RequestKind, Stage

# --- bodies -----------------------------------------------------------------------------------------------------


class PayloadBody(TransitionBody):
    """What an action takes, without the action."""

    action = None
    version = None


class BulkCase(Body):
    number = Text(max_length=24)
    version = Integer(min_value=1, help_text=_("所见案件的版本"))


class BulkBody(Body):
    """One action on many cases. ``dry_run``: nothing is written, each row says whether it would pass."""

    action = Text(max_length=30)
    cases = s.ListField(child=BulkCase(), max_length=200)
    payload = PayloadBody(required=False)
    dry_run = Flag(help_text=_("true：只判断，不办理"))


class ViewBody(Body):
    """A view: one's own; with ``area`` shared there; with ``role`` as well the default of that role there."""

    desk = Text(max_length=20)
    name = Text(max_length=40)
    query = s.JSONField(
        required=False, help_text=_("队列网址的参数：scope、status、area、category、component、overdue、soon")
    )
    area = Integer(required=False, allow_null=True, min_value=1)
    role = Text(required=False, allow_blank=True, max_length=30)
    position = Integer(required=False)


class TextBody(Body):
    """A canned text of one's own."""

    stage = s.CharField(max_length=12, required=False, help_text=_("环节"))
    action = s.CharField(max_length=30, required=False, allow_blank=True, help_text=_("操作，空为该环节全部"))
    category = s.CharField(max_length=20, required=False, allow_blank=True, allow_null=True)
    title = Text(required=False)
    text = Text(required=False, help_text=_("可含变量，如{编号}{类别}{地址}{时限}{部门}"))
    position = Integer(required=False)


class DraftBody(Body):
    content = s.JSONField(help_text=_("一个JSON对象，最大20 KB"))


class AppealBody(Body):
    reason = Text(max_length=500)


# --- answers ----------------------------------------------------------------------------------------------------


class StepAnswer(s.Serializer):
    seq = s.IntegerField()
    action = s.CharField()
    label = s.CharField()
    actor = s.CharField()
    role_label = s.CharField()
    at = s.DateTimeField()
    status_from = s.CharField()
    status_to = s.CharField()
    text = s.CharField()
    fields_changed = s.ListField(child=s.CharField())


class ChangedField(s.Serializer):
    name = s.CharField()
    label = s.CharField()
    value = s.CharField()


class ChangesAnswer(_Standing):
    number = s.CharField()
    seen = s.IntegerField()
    version = s.IntegerField()
    steps = StepAnswer(many=True)
    fields_changed = ChangedField(many=True)


class UndoAnswer(s.Serializer):
    version = s.IntegerField()
    action = s.CharField()
    action_label = s.CharField()
    undo = ActionAnswer(many=True)


class OfferedText(s.Serializer):
    id = s.IntegerField()
    title = s.CharField()
    template = s.CharField()
    text = s.CharField()
    is_own = s.BooleanField()


class TextAnswer(s.Serializer):
    id = s.IntegerField()
    stage = s.ChoiceField(choices=Stage.choices)
    action = s.CharField()
    category = CategoryName(allow_null=True)
    title = s.CharField()
    text = s.CharField()
    position = s.IntegerField()


class LeftAnswer(s.Serializer):
    kind = s.ChoiceField(choices=RequestKind.choices)
    count = s.IntegerField()
    words = s.CharField()
    is_pending = s.BooleanField()


class OwedAnswer(s.Serializer):
    key = s.CharField()
    label = s.CharField()
    count = s.IntegerField()
    is_done = s.BooleanField()


class AppealAnswer(s.Serializer):
    id = s.IntegerField()
    state = s.CharField(help_text="asked、forwarded、granted、refused")
    state_label = s.CharField()
    ticket = s.IntegerField()
    reason = s.CharField()
    asked_by = s.CharField()
    asked_at = s.DateTimeField()
    first_by = _null(s.CharField)
    first_at = _null(s.DateTimeField)
    first_reason = s.CharField()
    second_by = _null(s.CharField)
    second_at = _null(s.DateTimeField)
    second_reason = s.CharField()


class HandlingAnswer(s.Serializer):
    left = LeftAnswer(many=True)
    checklist = OwedAnswer(many=True)
    closing_condition = s.CharField()
    appeals = AppealAnswer(many=True)
    may_appeal_until = _null(s.DateTimeField)


class AppealCase(_Standing):
    number = s.CharField()
    category = CategoryName()
    address = s.CharField()


class AppealRow(s.Serializer):
    id = s.IntegerField()
    incident = AppealCase()
    state = s.CharField(help_text="asked、forwarded、granted、refused")
    state_label = s.CharField()
    reason = s.CharField()
    department = s.CharField()
    asked_by = s.CharField()
    asked_at = s.DateTimeField()
    first_by = _null(s.CharField)
    first_at = _null(s.DateTimeField)
    first_reason = s.CharField()


class AppealedAnswer(s.Serializer):
    id = s.IntegerField()
    url = s.URLField()


class AppealDecided(s.Serializer):
    id = s.IntegerField()
    state = s.CharField(help_text="asked、forwarded、granted、refused")


class BulkRow(s.Serializer):
    number = s.CharField()
    result = s.CharField(help_text="would_pass、done、already、refused")
    code = s.CharField()
    message = s.CharField()
    status = _null(s.CharField)
    version = _null(s.IntegerField)
    actor = _null(s.CharField)
    at = _null(s.DateTimeField)


class BulkAnswer(s.Serializer):
    action = s.CharField()
    dry_run = s.BooleanField()
    counts = s.DictField(child=s.IntegerField())
    results = BulkRow(many=True)


class HitAnswer(s.Serializer):
    kind = s.ChoiceField(choices=["case", "area", "category", "component"])
    key = s.CharField(help_text=_("案件编号、区域编号、类别代码或部件标识码"))
    label = s.CharField()
    hint = s.CharField()
    why = s.ChoiceField(choices=["number", "phone", "address", "code", "name"])


class DeadlineAnswer(s.Serializer):
    clock = s.ChoiceField(choices=ClockKind.choices)
    label = s.CharField()
    milestone = s.CharField()
    starts = s.CharField()
    is_running_at_once = s.BooleanField()
    allowance = s.CharField()
    due_at = _null(s.DateTimeField)
    explain = s.CharField()


class WhereAnswer(s.Serializer):
    area = AreaName(allow_null=True)
    full_name = s.CharField()
    holder = AreaName(allow_null=True)


class AlikeAnswer(_Standing):
    number = s.CharField()
    address = s.CharField()
    description = s.CharField()
    lon = s.FloatField()
    lat = s.FloatField()
    received_at = s.DateTimeField()
    score = s.FloatField()
    distance_m = s.FloatField()
    gap_minutes = s.IntegerField()


class PreviewAnswer(s.Serializer):
    deadlines = DeadlineAnswer(many=True)
    place = WhereAnswer(allow_null=True)
    alike = AlikeAnswer(many=True)


class ViewAnswer(s.Serializer):
    id = s.IntegerField()
    name = s.CharField()
    desk = s.CharField()
    kind = s.ChoiceField(choices=["own", "shared", "role"])
    query = s.DictField(child=s.CharField())
    url = s.CharField()
    area = AreaName(allow_null=True)
    role = s.CharField()
    position = s.IntegerField()
    may_delete = s.BooleanField()
    count = s.IntegerField(help_text=_("最多计到9999，10000即更多"))


class SavedAnswer(s.Serializer):
    id = s.IntegerField()


class DraftAnswer(s.Serializer):
    key = s.CharField()
    content = s.JSONField()
    updated_at = s.DateTimeField()
