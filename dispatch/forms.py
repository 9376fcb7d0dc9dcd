"""Forms made from the table: one an action, with the fields that ``dispatch.offers`` names; and the report form.

They read what was typed and give it back unchanged when something is wrong; what is right is judged by the loop.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from dispatch.cases import Case
from dispatch.offers import Field, OpenAction
from dispatch.parties import barred_from_verifying
from dispatch.payload import ATTACHMENT_LIMIT, NOTE_LIMIT, REASON_LIMIT
from dispatch.steps import centres_next_to
from dispatch.widgets import Select, SelectMultiple
from gridgov.common import clock
from gridgov.common.errors import FieldError, FieldErrors
from grids import permissions
from grids.capabilities import Capability
from grids.spatial import areas
from incidents import attachments
from incidents.catalogue import catalogue
from incidents.models import Attachment
from personnel.models import Worker
from personnel.roles import Role
from personnel.selectors import department_tree, holders_upward

FILES = "image/jpeg,image/png,image/webp,image/heic,application/pdf,video/mp4"
FEW = 4
Choices = list[tuple[str, Any]]


# --- files -----------------------------------------------------------------------------------------------------


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True
    template_name = "django/forms/widgets/file.html"


class FilesField(forms.FileField):
    """Several files at once; an empty choice is an empty list."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        given = [item for item in (data if isinstance(data, list | tuple) else [data]) if item]
        if len(given) > ATTACHMENT_LIMIT:
            raise forms.ValidationError(_("附件最多%(limit)s个") % {"limit": ATTACHMENT_LIMIT})
        return [super(FilesField, self).clean(item, initial) for item in given]


class KeepsFiles(forms.Form):
    """A form whose uploaded files are stored at once, so that a mistake elsewhere does not lose them.

    What is stored and not yet in a case is named in the hidden field ``kept``, and shown to who uploaded it.
    """

    kept = forms.CharField(required=False, widget=forms.HiddenInput, max_length=40 * ATTACHMENT_LIMIT)

    def __init__(self, *args: Any, uploader_id: int | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.uploader_id = uploader_id

    def store_files(self, name: str) -> list[UUID]:
        """The ids of the stored files, those kept from the last try first. Raises FieldError(``name``)."""
        ids = [row["id"] for row in self.kept_files]
        now = clock.now()
        try:
            for file in self.cleaned_data.get(name) or []:
                ids.append(attachments.store(file=file, name=file.name, user_id=self.uploader_id, at=now).pk)
        except FieldError as error:
            said = _("%(name)s：%(words)s") % {"name": file.name, "words": error.message}
            raise FieldError(name, said, code=error.code) from None
        finally:
            self.data = self.data.copy()
            self.data["kept"] = " ".join(str(pk) for pk in ids)
        return ids

    def rescue_files(self, name: str) -> None:
        """The files of a form that is wrong elsewhere are stored, to be there when it is sent again."""
        if not name:
            return
        try:
            self.store_files(name)
        except FieldError as error:
            self.add_error(name, str(error.message))

    @property
    def kept_files(self) -> list[dict[str, Any]]:
        """The files that the form still has: this person's, and in no case yet."""
        ids = []
        for word in (str(self.data.get("kept", "")) if self.is_bound else "").split()[:ATTACHMENT_LIMIT]:
            try:
                ids.append(UUID(word))
            except ValueError:
                continue
        if not ids:
            return []
        mine = Attachment.objects.filter(pk__in=ids, incident__isnull=True, uploaded_by=self.uploader_id)
        found = {row["id"]: row for row in mine.values("id", "name")}
        return [found[pk] for pk in dict.fromkeys(ids) if pk in found]

    def add_domain_error(self, error: FieldError | FieldErrors) -> None:
        """What a service refused, beside the field it named; above the form where it has no such field."""
        for one in error.errors if isinstance(error, FieldErrors) else [error]:
            name = one.field.replace(".", "_")
            message = str(one.message)
            if name not in self.fields:
                self.add_error(None, message)
                continue
            self.add_error(name, message)


# --- one form an action ---------------------------------------------------------------------------------------


class ActionForm(KeepsFiles):
    """The form of one open action (or application) of a case. ``payload`` is what the loop takes."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(
        self, offer: OpenAction, case: Case, *args: Any, routing: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """``routing``: what is proposed as lead and joint handlers, preselected."""
        kwargs.setdefault("uploader_id", None)
        super().__init__(*args, auto_id=f"{offer.action}-%s", use_required_attribute=False, **kwargs)
        self.offer, self.case, self.routing = offer, case, routing or {}
        self.fields["version"].initial = case.incident.version
        chosen = catalogue().category_by_code(str(self.data.get("category", ""))) if self.is_bound else None
        category_id = chosen.id if chosen is not None else case.incident.category_id
        for spec in offer.fields:
            self.fields[spec.name] = _control(spec, case, offer, self.routing, category_id)
        _describe(self)

    def payload(self) -> dict[str, Any]:
        """The cleaned fields as the loop wants them, without the files."""
        found: dict[str, Any] = {}
        for spec in self.offer.fields:
            value = self.cleaned_data.get(spec.name)
            if spec.kind == "files" or value in (None, "", []):
                continue
            if spec.kind == "handler":
                value = _handler(value)
            elif spec.kind == "handlers":
                value = [_handler(item) for item in value]
            found[spec.name] = value
        return found

    @property
    def file_field(self) -> str:
        """The name of the field for files, empty if the action takes none."""
        return next((spec.name for spec in self.offer.fields if spec.kind == "files"), "")

    @property
    def typed(self) -> list[tuple[str, str]]:
        """What the person filled in, in words: label and value, files left out."""
        found = []
        for field in self.shown:
            value = field.value()
            if field.field.widget.needs_multipart_form or not value:
                continue
            names = dict(_flat(getattr(field.field, "choices", ())))
            values = value if isinstance(value, list) else [value]
            found.append((str(field.label), _("、").join(str(names.get(str(v), v)) for v in values)))
        return found

    @property
    def shown(self) -> list[Any]:
        """The visible fields."""
        return [self[spec.name] for spec in self.offer.fields]


def _flat(choices: Any) -> Iterator[tuple[str, Any]]:
    for value, label in choices:
        if isinstance(label, list | tuple):
            yield from _flat(label)
        else:
            yield str(value), label


def _control(spec: Field, case: Case, offer: OpenAction, routing: Mapping[str, Any], category_id: int) -> forms.Field:
    common: dict[str, Any] = {"label": spec.label, "required": spec.required}
    common["error_messages"] = {"required": _("请填写%(label)s") % {"label": spec.label}}
    if spec.kind == "textarea":
        limit = NOTE_LIMIT if spec.name in ("note", "description") else REASON_LIMIT
        return forms.CharField(max_length=limit, widget=forms.Textarea(attrs={"rows": 3}), **common)
    if spec.kind == "files":
        least = _least_photos(spec, case, offer)
        label = _("%(label)s（至少 %(least)s 张）") % {"label": spec.label, "least": least} if least else spec.label
        control = FilesField(
            widget=FilesInput(attrs={"multiple": True, "accept": FILES}),
            help_text=_("可选多个：照片、PDF 或 MP4"),
            **(common | {"required": False, "label": label}),
        )
        # the loop counts them: they may have come with an earlier try
        control.is_needed = spec.required or least > 0  # type: ignore[attr-defined]
        return control
    if spec.kind == "datetime":
        return forms.DateTimeField(
            widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
            input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
            **common,
        )
    if spec.kind == "float":
        return forms.FloatField(widget=forms.TextInput(attrs={"inputmode": "decimal"}), **common)
    if spec.kind in ("choice", "standard", "category", "handler", "handlers", "person", "centre"):
        return _choice(spec, case, offer, routing, category_id, common)
    return forms.CharField(max_length=200, **common)


def _least_photos(spec: Field, case: Case, offer: OpenAction) -> int:
    standard = catalogue().standard(case.incident.standard_id)
    if standard is not None and offer.action == "feed_back":
        return standard.after_photo_count
    if offer.action in ("pass", "fail"):
        return max(1, standard.verification_photo_count if standard else 1)
    return {"resolve_on_site": 2, "confirm_check": 1, "refute_check": 1}.get(offer.action, 0)


def _choice(
    spec: Field,
    case: Case,
    offer: OpenAction,
    routing: Mapping[str, Any],
    category_id: int,
    common: dict[str, Any],
) -> forms.Field:
    choices, initial = _choices(spec, case, routing, category_id)
    if spec.kind == "handlers":
        return forms.MultipleChoiceField(
            choices=choices, initial=initial, widget=SelectMultiple(attrs={"size": 5}),
            help_text=_("按住 Ctrl 可多选"), **common,
        )  # fmt: skip
    if (len(choices) <= FEW and spec.required and spec.kind in ("choice", "standard")) or spec.name in (
        "result",
        "clocks",
    ):
        if len(choices) == 1:
            initial = choices[0][0]
        return forms.ChoiceField(choices=choices, initial=initial, widget=forms.RadioSelect, **common)
    if spec.name == "level":
        # what will happen is said, and nothing else is sent: a colleague may raise it meanwhile
        said = {"invalid_choice": _("督办级别已变，请从现有的级别里选")}
        common["error_messages"] = common["error_messages"] | said
        return forms.ChoiceField(choices=choices, initial=choices[0][0], **common)
    blank = _("不改") if offer.action == "amend" or spec.name == "category" else _("请选择")
    if not spec.required and offer.action != "amend" and spec.name != "category":
        blank = _("由系统安排") if spec.name == "verifier" else _("不指定")
    if spec.name == "crs":
        blank = "WGS-84 / CGCS2000"
    return forms.ChoiceField(choices=[("", blank), *choices], initial=initial, widget=Select, **common)


def _choices(spec: Field, case: Case, routing: Mapping[str, Any], category_id: int) -> tuple[Choices, Any]:
    if spec.kind == "choice":
        return [(k, v) for k, v in (spec.choices or {}).items() if (spec.name, k) != ("crs", "wgs84")], None
    if spec.kind == "standard":
        return standard_choices(category_id), None
    if spec.kind == "category":
        return category_choices(), None
    if spec.kind == "centre":
        return [(str(pk), areas.full_name(pk)) for pk in centres_next_to(case)], None
    if spec.kind == "person":
        return _people(spec.name, case), None
    if spec.kind == "handler":
        return _handlers(case), f"d{routing['lead_id']}" if routing.get("lead_id") else None
    return _handlers(case), [f"d{pk}" for pk in routing.get("joint") or [] if isinstance(pk, int)]


def standard_choices(category_id: int) -> Choices:
    """The conditions under which a case of the 小类 may be filed, each with its limit for handling."""
    known = catalogue()
    found: Choices = []
    for standard in known.standards_of(category_id):
        limits = known.limit_for("handle", category_id, standard.id)
        words = " → ".join((f"{limit.label} " if limit.label else "") + limit.allowance.describe() for limit in limits)
        if words:
            words = _("%(condition)s（处置限 %(limit)s）") % {"condition": standard.condition, "limit": words}
        found.append((standard.code, words or standard.condition))
    return found


def category_choices() -> Choices:
    """All 小类 by 大类."""
    known = catalogue()
    return [(parent.name, [(c.code, c.name) for c in known.categories(parent.id)]) for parent in known.categories()]


def _handlers(case: Case) -> Choices:
    incident = case.incident
    if hasattr(incident, "_handler_choices"):
        return incident._handler_choices
    tree = department_tree()
    groups: dict[str, list[tuple[str, str]]] = {}
    departments = pgettext("many", "部门")
    names = {"team": _("网格队伍"), "centre": _("指挥中心")}
    places = {None, *case.place_chain}
    for record in tree.all(incident.city_id):
        # those of other districts and streets do not come into question, where the place is known
        if record.area_id not in places and (incident.district_id is not None or record.kind == "team"):
            continue
        groups.setdefault(names.get(record.kind, departments), []).append((f"d{record.id}", tree.full_name(record.id)))
    on = clock.local_date(clock.now())
    ids = [h.user_id for h in holders_upward(Role.GRID_WORKER, case.place_chain, on)][:20]
    if ids:
        workers = Worker.objects.filter(user__in=ids, is_active=True).values_list("pk", "user__name", "number")
        groups[pgettext("many", "网格员")] = [(f"w{pk}", f"{name} {number}") for pk, name, number in workers]
    incident._handler_choices = list(groups.items())
    return incident._handler_choices


def _handler(value: str) -> dict[str, int]:
    return {"department" if value[0] == "d" else "worker": int(value[1:])}


def _people(name: str, case: Case) -> Choices:
    """Who may check or verify there, without those whom the separation of duties bars."""
    able = [Capability.PATROL] if name == "checker" else [Capability.PATROL, Capability.LEAD_GRID, Capability.VERIFY]
    chain = [pk for pk in (*case.place_chain, *case.holder_chain) if pk is not None]
    on = clock.local_date(clock.now())
    ids = {h.user_id for capability in able for h in permissions.holders(on=on, areas_in=chain, capability=capability)}
    rows = get_user_model().objects.filter(pk__in=ids).values_list("pk", "name", "username", "worker__id")
    none: frozenset[int] = frozenset()
    return [
        (str(pk), full or login)
        for pk, full, login, worker_id in rows.order_by("name", "pk")
        if name == "checker" or not barred_from_verifying(case, user_id=pk, department_ids=none, worker_id=worker_id)
    ]


def _describe(form: forms.Form) -> None:
    """Classes of the design. Django ties each error and hint to its control for screen readers."""
    for control in form.fields.values():
        widget = control.widget
        if isinstance(widget, forms.Select) and not isinstance(widget, forms.RadioSelect):
            widget.attrs.setdefault("class", "form-select")
        elif not isinstance(widget, forms.RadioSelect | forms.HiddenInput | forms.CheckboxInput):
            widget.attrs.setdefault("class", "form-control")


class DecisionForm(forms.Form):
    """同意 or 不同意, with a reason that a refusal must give."""

    reason = forms.CharField(
        label=gettext_lazy("审批意见"), required=False, max_length=NOTE_LIMIT,
        widget=forms.Textarea(attrs={"rows": 2, "class": "form-control"}),
        help_text=gettext_lazy("不同意须写明理由。"),
    )  # fmt: skip


class AppealForm(forms.Form):
    """Why the breach was not the department's own."""

    reason = forms.CharField(
        label=gettext_lazy("申诉理由"), max_length=REASON_LIMIT, strip=True,
        error_messages={"required": gettext_lazy("请填写理由")},
        widget=forms.Textarea(attrs={"rows": 4, "class": "form-control"}),
        help_text=gettext_lazy("写明超时的客观原因和依据；每张工单只能申诉一次。"),
    )  # fmt: skip


# --- reporting ------------------------------------------------------------------------------------------------


class ReportForm(KeepsFiles):
    """A report by a worker, the desk or the public. Position by coordinates or by the code of a component."""

    SOURCES: Mapping[str, str] = {
        "hotline": gettext_lazy("热线"), "leader": gettext_lazy("领导交办"), "upper": gettext_lazy("上级转办"),
        "other": gettext_lazy("其他"),
    }  # fmt: skip

    source = forms.ChoiceField(label=gettext_lazy("来源"), choices=[])
    category = forms.ChoiceField(
        label=gettext_lazy("类别"), error_messages={"required": gettext_lazy("请选择类别")}, choices=[]
    )
    description = forms.CharField(
        label=gettext_lazy("情况描述"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3})
    )
    address = forms.CharField(label=gettext_lazy("地点"), required=False, max_length=200)
    lon = forms.FloatField(
        label=gettext_lazy("经度"), required=False, widget=forms.TextInput(attrs={"inputmode": "decimal"}),
        error_messages={"invalid": gettext_lazy("请填数字，例如 103.6231")},
    )  # fmt: skip
    lat = forms.FloatField(
        label=gettext_lazy("纬度"), required=False, widget=forms.TextInput(attrs={"inputmode": "decimal"}),
        error_messages={"invalid": gettext_lazy("请填数字，例如 36.0885")},
    )  # fmt: skip
    accuracy_m = forms.FloatField(required=False, widget=forms.HiddenInput)
    component = forms.CharField(
        label=gettext_lazy("部件码"),
        required=False,
        max_length=32,
        help_text=gettext_lazy("标识码或牌上的短码，可代替坐标。"),
    )
    occurred_at = forms.DateTimeField(
        label=gettext_lazy("发生时间"), required=False, input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    attachments = FilesField(
        label=gettext_lazy("照片"), required=False, widget=FilesInput(attrs={"multiple": True, "accept": FILES})
    )
    reporter_name = forms.CharField(label=gettext_lazy("称呼"), required=False, max_length=60)
    reporter_phone = forms.CharField(
        label=gettext_lazy("电话"), required=False, max_length=30, widget=forms.TextInput(attrs={"type": "tel"})
    )
    key = forms.CharField(required=False, widget=forms.HiddenInput, max_length=64)

    def __init__(self, *args: Any, sources: Mapping[str, str], public: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="report-%s", use_required_attribute=False, **kwargs)
        self.fields["source"].choices = list(sources.items())
        self.fields["category"].choices = [("", _("请选择")), *category_choices()]
        if len(sources) == 1:
            self.fields["source"].initial = next(iter(sources))
            self.fields["source"].widget = forms.HiddenInput()
        if public:
            for name in ("component", "occurred_at"):
                del self.fields[name]
        _describe(self)
