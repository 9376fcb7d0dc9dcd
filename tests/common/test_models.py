"""Accounts and the audit trail."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import models

from gridgov.common import audit
from gridgov.common.models import AuditEntry, ImmutableError, User


@pytest.mark.django_db
def test_user_is_shown_by_name_else_by_login() -> None:
    named = User.objects.create_user("wang", name="王敏", phone="13800000000")
    assert (str(named), named.get_full_name(), named.get_short_name()) == ("王敏", "王敏", "王敏")
    assert str(User.objects.create_user("li")) == "li"
    assert not {"first_name", "last_name"} & {field.name for field in User._meta.get_fields()}


@pytest.mark.django_db
def test_audit_records_who_did_what_to_what() -> None:
    user = User.objects.create_user("wang")
    at = datetime(2026, 6, 1, 1, tzinfo=UTC)
    audit.record(action="user.disable", actor=user, obj=user, detail={"field": "is_active"}, at=at)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.object_type, entry.object_id) == (
        user, "user.disable", "common.User", str(user.pk),
    )  # fmt: skip
    assert (entry.detail, entry.at, entry.address) == ({"field": "is_active"}, at, None)


@pytest.mark.django_db
def test_audit_takes_the_system_and_strangers_as_no_actor() -> None:
    audit.record(action="index.reload", object_type="grids.Area", object_id=7)
    audit.record(action="login.fail", actor=AnonymousUser(), address="")
    assert list(AuditEntry.objects.order_by("id").values_list("actor", "object_id", "address")) == [
        (None, "7", None),
        (None, "", None),
    ]


@pytest.mark.django_db
def test_audit_is_append_only_and_keeps_its_actor() -> None:
    user = User.objects.create_user("wang")
    entry = audit.record(action="x", actor=user)
    entry.action = "y"
    for change in (entry.save, entry.delete, AuditEntry.objects.all().delete):
        with pytest.raises(ImmutableError):
            change()
    with pytest.raises(ImmutableError):
        AuditEntry.objects.update(action="y")
    with pytest.raises(models.ProtectedError):
        user.delete()
    assert AuditEntry.objects.get().action == "x"
