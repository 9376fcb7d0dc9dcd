"""The demonstration data: one account a role, repeatable, in a private password file."""

import stat

import pytest
from django.contrib.auth import authenticate

from gridgov import demo
from grids.models import Area, Level
from personnel.models import Department, Posting, Worker
from personnel.roles import Role

PASSWORD = "ceshi-mima-7"


def counts():
    return [model.objects.count() for model in (Area, Department, Worker, Posting)]


@pytest.mark.django_db
def test_demo_gives_every_role_an_account_and_may_be_repeated():
    accounts = demo.load(password=PASSWORD)
    assert set(Posting.objects.values_list("role", flat=True)) == set(Role.values)
    assert Area.objects.filter(level=Level.GRID).count() == 311
    for account in accounts:
        assert authenticate(username=account.login, password=PASSWORD) is not None, account.login
    before = counts()
    assert demo.load(password="another-8-mima") == accounts
    assert counts() == before
    assert authenticate(username=accounts[0].login, password=PASSWORD) is not None


def test_demo_password_is_made_once_for_its_owner_only(tmp_path):
    path = tmp_path / "var" / "demo_password"
    first = demo.password(path)
    assert demo.password(path) == first
    assert len(first) == 14
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
