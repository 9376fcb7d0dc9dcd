"""Canned texts: what a form is offered, who may save what, and the project's file."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from dispatch import canned, canned_texts, loop
from dispatch.models import CannedText
from gridgov.common import clock
from gridgov.common.errors import FieldError, NotFound, NotPermitted
from gridgov.common.models import AuditEntry
from incidents.workflow import Action, Stage, lines
from tests.statements import at_most
from tests.worlds import World

pytestmark = pytest.mark.django_db
GIVEN: dict[str, Any] = {"stage": "accept", "action": "accept", "title": "属实", "text": "{类别}在{街道}，请办"}


def offered(world: World, number: str, action: str, login: str) -> list[tuple[str, str]]:
    by = world.actor(login)
    case = loop.read(number, by)
    with at_most(1):
        return [(one.title, one.text) for one in canned_texts.offered(case, action, by)]


def test_form_is_offered_own_texts_then_those_of_the_category_then_the_rest(world: World) -> None:
    number, by = world.report(), world.actor("acceptor")
    share = {"by": world.people["duty_chief"], "area": world.areas["620901"], "allowed": True}
    canned_texts.save_shared(given=GIVEN | {"title": "共享"}, **share)
    canned_texts.save_shared(given=GIVEN | {"title": "大类", "category": "02"}, **share)
    canned_texts.save_shared(given=GIVEN | {"title": "别类", "category": "0102"}, **share)
    canned_texts.save_shared(given=GIVEN | {"title": "整个环节", "action": ""}, **share)
    canned_texts.save_shared(given=GIVEN | {"title": "别的操作", "action": "reject"}, **share)
    canned_texts.save_shared(given=GIVEN | {"title": "停用", "is_active": False}, **share)
    canned_texts.save_shared(given=GIVEN | {"title": "乙区"}, **(share | {"area": world.areas["620902"]}))
    canned_texts.save_own(by=by, given=GIVEN)
    assert [title for title, _text in offered(world, number, "accept", "acceptor")] == [
        "属实", "大类", "共享", "整个环节",
    ]  # fmt: skip
    assert offered(world, number, "accept", "acceptor")[0][1] == "暴露垃圾在甲一街道，请办"
    assert [title for title, _text in offered(world, number, "accept", "acceptor_2")] == ["大类", "共享", "整个环节"]


def test_values_of_a_case_have_every_variable_and_nothing_personal(world: World) -> None:
    number = world.report(reporter_name="张先生", reporter_phone="13800002716", address="福利路1号")
    for action, login, more in (
        ("accept", "acceptor", {}), ("file", "duty_chief", {"standard": "0201-1"}),
        ("dispatch", "dispatcher", {"lead": world.lead()}),
    ):  # fmt: skip
        world.perform(number, action, login, **more)
    values = canned_texts.values_of(loop.read(number, world.actor("acceptor")))
    assert set(values) == set(canned.VARIABLES)
    assert all(values.values()), values
    assert (values["部门"], values["结案条件"], values["地址"]) == ("市政设施科", "清理干净", "福利路1号")
    assert not any("张先生" in value or "2716" in value for value in values.values())


def test_own_text_is_its_owners_alone(world: World) -> None:
    row = canned_texts.save_own(by=world.actor("acceptor"), given=GIVEN)
    other = world.actor("acceptor_2")
    with pytest.raises(NotFound):
        canned_texts.save_own(by=other, given={"title": "改"}, text_id=row.pk)
    with pytest.raises(NotFound):
        canned_texts.delete_own(by=other, text_id=row.pk)
    with pytest.raises(NotPermitted):
        canned_texts.save_own(by=world.actor("nobody"), given=GIVEN)
    again = canned_texts.save_own(by=world.actor("acceptor"), given={"title": "改"}, text_id=row.pk)
    assert (again.pk, again.title, again.text) == (row.pk, "改", GIVEN["text"])
    assert canned_texts.own_of(other) == []
    canned_texts.delete_own(by=world.actor("acceptor"), text_id=row.pk)
    assert not CannedText.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", "{电话}"), ("text", ""), ("text", "字" * 1001), ("text", "a\x00b"), ("title", ""), ("title", 7),
        ("stage", "nowhere"), ("action", "nothing"), ("action", "dispatch"), ("category", "9999"), ("position", -1),
        ("position", True),
    ],
)  # fmt: skip
def test_bad_text_names_its_field_and_nothing_is_saved(world: World, field: str, value: Any) -> None:
    with pytest.raises(FieldError) as refused:
        canned_texts.save_own(by=world.actor("acceptor"), given=GIVEN | {field: value})
    assert refused.value.field == field
    assert not CannedText.objects.exists()


def test_sharing_is_for_who_supervises_there(world: World) -> None:
    here, there = world.areas["620901"].pk, world.areas["620902"].pk
    assert canned_texts.may_share(world.actor("duty_chief"), here)
    assert not canned_texts.may_share(world.actor("acceptor"), here)
    assert not canned_texts.may_share(world.actor("duty_chief"), there)
    assert not canned_texts.may_share(world.actor("duty_chief"), None)
    assert canned_texts.may_share(world.actor("system_admin"), None)
    with pytest.raises(NotPermitted) as refused:
        canned_texts.save_shared(by=world.people["acceptor"], given=GIVEN, area=world.areas["620901"], allowed=False)
    assert refused.value.missing == "supervise"
    canned_texts.save_shared(by=world.people["duty_chief"], given=GIVEN, area=world.areas["620901"], allowed=True)
    assert AuditEntry.objects.filter(action="canned_text.saved").count() == 1


def test_file_is_loaded_once_and_what_was_changed_by_hand_stays(world: World) -> None:
    out = StringIO()
    call_command("load_texts", stdout=out)
    count = CannedText.objects.count()
    assert count > 40
    assert str(count) in out.getvalue()
    CannedText.objects.filter(code="accept-ok").update(text="改过")
    assert canned_texts.load_file() == 0
    assert CannedText.objects.get(code="accept-ok").text == "改过"
    assert canned_texts.load_file(replace=True) == count
    assert CannedText.objects.get(code="accept-ok").text != "改过"
    assert CannedText.objects.count() == count


def test_file_has_a_text_for_every_action_in_which_a_person_writes() -> None:
    rows = json.loads(canned_texts.DATA.read_text(encoding="utf-8"))
    written = {
        action for action in Action
        if any({"note", "reason"} & {*line.requires, *line.optional} for line in lines(action))
    }  # fmt: skip
    field_work = {Action.CONFIRM_CHECK, Action.REFUTE_CHECK, Action.RESOLVE_ON_SITE, Action.APPROVE_ON_SITE}
    assert written - field_work <= {row["action"] for row in rows}
    assert {row["stage"] for row in rows} == set(Stage.values)


def test_broken_file_is_refused_whole(world: World, tmp_path: Path) -> None:
    path = tmp_path / "texts.json"
    path.write_text(json.dumps([GIVEN | {"code": "a"}, GIVEN | {"code": "b", "text": "{谁}"}]), encoding="utf-8")
    with pytest.raises(CommandError, match="text"):
        call_command("load_texts", path, stdout=StringIO())
    assert not CannedText.objects.exists()
    path.write_text("[", encoding="utf-8")
    with pytest.raises(CommandError, match="JSON"):
        call_command("load_texts", path, stdout=StringIO())


def test_text_has_one_keeper_at_most(world: World) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        CannedText.objects.create(
            stage="accept", title="两主", text="x", owner=world.people["acceptor"], area=world.root,
            saved_at=clock.now(),
        )  # fmt: skip
