"""The admin of shared texts and views: saved by their services, refused in the form."""

from typing import Any

import pytest
from django.test import Client

from dispatch import canned_texts
from dispatch.models import Appeal, CannedText, SavedView
from gridgov.common.models import AuditEntry
from tests.worlds import World

pytestmark = pytest.mark.django_db
TEXT = {
    "stage": "accept",
    "action": "accept",
    "title": "属实",
    "text": "{类别}属实",
    "position": "1",
    "is_active": "on",
}


def signed_in(world: World, login: str) -> Client:
    client = Client()
    client.force_login(world.people[login])
    return client


def test_pages_are_for_who_manages_rules(world: World) -> None:
    for model in ("cannedtext", "savedview"):
        assert signed_in(world, "duty_chief").get(f"/admin/dispatch/{model}/").status_code == 403
        assert signed_in(world, "system_admin").get(f"/admin/dispatch/{model}/").status_code == 200


def test_text_is_saved_by_the_service_and_refused_in_the_form(world: World) -> None:
    client = signed_in(world, "system_admin")
    refused = client.post("/admin/dispatch/cannedtext/add/", TEXT | {"text": "{电话}"})
    assert refused.status_code == 200
    form: Any = refused.context["adminform"].form
    assert "没有变量{电话}" in str(form.errors["text"])
    assert form["title"].value() == "属实"
    assert not CannedText.objects.exists()
    assert client.post("/admin/dispatch/cannedtext/add/", TEXT).status_code == 302
    row = CannedText.objects.get()
    assert AuditEntry.objects.get(action="canned_text.saved").actor == world.people["system_admin"]
    changed = client.post(f"/admin/dispatch/cannedtext/{row.pk}/change/", TEXT | {"title": "改", "is_active": ""})
    assert changed.status_code == 302
    row.refresh_from_db()
    assert (row.title, row.is_active) == ("改", False)


def test_own_texts_are_not_in_the_admin(world: World) -> None:
    row = canned_texts.save_own(by=world.actor("acceptor"), given={"stage": "accept", "title": "自用的", "text": "x"})
    client = signed_in(world, "system_admin")
    assert "自用的" not in client.get("/admin/dispatch/cannedtext/").content.decode()
    assert client.get(f"/admin/dispatch/cannedtext/{row.pk}/change/").status_code == 404


def test_default_view_of_a_role_is_saved_and_deleted(world: World) -> None:
    client = signed_in(world, "system_admin")
    given = {
        "area": world.root.pk, "role": "acceptor", "desk": "accept", "name": "默认", "query": '{"overdue": "1"}',
        "position": "0",
    }  # fmt: skip
    refused = client.post("/admin/dispatch/savedview/add/", given | {"query": '{"colour": "red"}'})
    assert refused.status_code == 200
    assert not SavedView.objects.exists()
    assert client.post("/admin/dispatch/savedview/add/", given).status_code == 302
    row = SavedView.objects.get()
    assert (row.role, row.query, row.owner) == ("acceptor", {"overdue": "1"}, None)
    assert client.post(f"/admin/dispatch/savedview/{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not SavedView.objects.exists()


def test_appeals_are_only_read(world: World, admin_client: Client) -> None:
    assert admin_client.get("/admin/dispatch/appeal/").status_code == 200
    assert admin_client.get("/admin/dispatch/appeal/add/").status_code == 403
    assert Appeal.objects.count() == 0
