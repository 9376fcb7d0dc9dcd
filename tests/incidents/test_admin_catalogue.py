"""The admin pages of the catalogue: each save is a new version, each refusal stands in the form."""

import json

import pytest
from django.apps import apps
from django.urls import reverse

from gridgov.common.models import AuditEntry
from incidents.catalogue import catalogue
from incidents.models import FilingStandard, Limit


@pytest.fixture
def page(world, client):
    """``page("filingstandard", "0201-1", {…})``: what the system administrator gets, with or without sending."""
    client.force_login(world.people["system_admin"])

    def _page(model, code="", given=None):
        row = None
        if code:
            held = catalogue()
            row = held.standard_by_code(code) if model == "filingstandard" else held.category_by_code(code)
        url = reverse(f"admin:incidents_{model}_{'change' if row else 'add'}", args=[row.id] if row else [])
        return client.get(url) if given is None else client.post(url, given)

    return _page


def sent(page):
    """What the browser would send back of a form: its values as they are shown."""
    form = page.context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    values = {name: ("on" if value else None) if isinstance(value, bool) else value for name, value in values.items()}
    if "system_steps" in values:
        values["system_steps"] = json.dumps(form.initial["system_steps"])
    if isinstance(values.get("limits"), list):
        values["limits"] = form.fields["limits"].prepare_value(values["limits"])
    return {name: value for name, value in values.items() if value is not None}


def test_form_sent_back_unchanged_makes_no_version(page):
    page("filingstandard", "0201-1", sent(page("filingstandard", "0201-1")) | {"source": "本地规定"})
    assert FilingStandard.objects.get(code="0201-1").version == 2
    shown = page("filingstandard", "0201-1")
    assert page("filingstandard", "0201-1", sent(shown)).status_code == 302
    assert FilingStandard.objects.get(code="0201-1").version == 2


def test_changed_limit_is_a_new_version(page, world):
    given = sent(page("filingstandard", "0201-1"))
    given["limits"] = '{"clock": "handle", "limit": "6", "unit": "工作时", "ladder": "usual"}'
    assert page("filingstandard", "0201-1", given).status_code == 302
    standard = catalogue().standard_by_code("0201-1")
    assert standard.version == 2
    assert [x.minutes for x in catalogue().limit_for("handle", standard.category_id, standard.id)] == [360]
    entry = AuditEntry.objects.filter(action="catalogue.standard").first()
    assert (entry.actor, entry.detail["version"]) == (world.people["system_admin"], 2)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("limits", '{"clock": "handle", "limit": "6", "unit": "时辰"}', "时辰"),
        ("limits", '{"clock": "handle"', "第1行不是有效的JSON"),
        ("limits", '{"clock": "handle", "limit": "6", "unit": "工作时", "ladder": "x"}', "没有这个升级阶梯"),
        ("system_steps", '["handle"]', "系统不能自动执行"),
    ],
)
def test_refusal_stands_at_its_field_with_the_input_kept(page, field, value, said):
    given = sent(page("filingstandard", "0201-1")) | {field: value}
    refused = page("filingstandard", "0201-1", given)
    assert refused.status_code == 200
    assert said in str(refused.context["adminform"].form.errors[field])
    assert value in refused.content.decode().replace("&quot;", '"')
    assert catalogue().standard_by_code("0201-1").version == 1


def test_category_is_added_with_its_limits(page):
    given = {
        "code": "0204", "name": "落叶", "kind": "event", "parent": catalogue().category_by_code("02").id,
        "holder_level": 2, "duplicate_radius_m": 50, "duplicate_hours": 24, "certainty": "assumed", "source": "本地",
        "is_active": "on", "limits": '{"clock": "sign", "limit": "1", "unit": "工作时"}',
    }  # fmt: skip
    assert page("category", given=given).status_code == 302
    category = catalogue().category_by_code("0204")
    assert category.is_reportable
    assert [x.minutes for x in catalogue().limit_for("sign", category.id, None)] == [60]


def test_default_limits_are_edited_together(page):
    shown = page("limit")
    given = shown.context["adminform"].form.initial["limits"]
    assert {row["clock"] for row in given} >= {"accept", "handle", "total"}
    lines = [json.dumps(row | {"limit": "45分钟"} if row["clock"] == "accept" else row) for row in given]
    assert page("limit", given={"limits": "\n".join(lines)}).status_code == 302
    (accept,) = catalogue().own_limits("default", None)[:1]
    assert (accept.clock, accept.minutes) == ("accept", 45)
    assert Limit.objects.filter(clock="accept", superseded_at__isnull=False).count() == 1


def test_ladder_is_shown_and_saved_as_rows(world, client):
    client.force_login(world.people["system_admin"])
    url = reverse("admin:incidents_ladder_changelist")
    assert client.get(url).status_code == 200
    url = reverse("admin:incidents_ladder_add")
    steps = '{"key": "warn", "at": "share_left", "share": 0.5}\n{"key": "late", "at": "after_due", "minutes": 30}'
    assert client.post(url, {"code": "quick", "name": "加急", "steps": steps}).status_code == 302
    assert [step.key for step in catalogue().ladders["quick"]] == ["warn", "late"]
    page = client.post(url, {"code": "bad", "name": "坏", "steps": '{"key": "breach", "at": "due"}'})
    assert "保留名" in str(page.context["adminform"].form.errors["steps"])


@pytest.mark.parametrize("model", ["category", "filingstandard", "ladder", "limit"])
def test_nothing_is_deleted(world, client, model):
    client.force_login(world.people["system_admin"])
    row = apps.get_model("incidents", model).objects.first()
    page = client.post(reverse(f"admin:incidents_{model}_delete", args=[row.pk]), {"post": "yes"})
    assert page.status_code == 403
    row.refresh_from_db()
