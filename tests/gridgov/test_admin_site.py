"""The admin as a whole: refusals in the house's design, its policy, its index and empty lists."""

import re

import pytest
from django.contrib import admin
from django.urls import reverse

from gridgov.admin_site import CHAPTERS
from gridgov.common.models import User


@pytest.fixture
def enter(world, client):
    def entered(login: str):
        client.force_login(User.objects.get(username=login))
        return client

    return entered


def test_who_has_no_administrators_posting_is_told_why(enter):
    page = enter("dispatcher").get(reverse("admin:index"))
    assert page.status_code == 403
    assert "管理后台只对系统、安全和审计管理员开放" in page.text
    assert "gg-state" in page.text
    assert page["Content-Security-Policy"].startswith("default-src 'none'")


def test_who_is_another_administrator_is_told_whose_page_it_is(enter):
    page = enter("audit_admin").get(reverse("admin:incidents_category_changelist"))
    assert (page.status_code, "系统管理员管规则和人员" in page.text) == (403, True)


def test_what_is_not_there_is_a_page_of_the_house(enter):
    page = enter("system_admin").get(reverse("admin:grids_area_change", args=[999_999]))
    assert page.status_code == 404
    assert "不在你负责的区域内" in page.text
    assert "gg-state" in page.text


def test_who_is_not_signed_in_signs_in_first(client, db):
    page = client.get(reverse("admin:index"))
    assert (page.status_code, "/admin/login/" in page["Location"]) == (302, True)


def test_pages_have_the_policy_and_nothing_inline(enter):
    client = enter("system_admin")
    for name in ("index", "grids_area_changelist", "incidents_category_add", "common_calendarversion_changelist"):
        page = client.get(reverse(f"admin:{name}"))
        assert page.status_code == 200
        assert "script-src 'self'; style-src 'self';" in page["Content-Security-Policy"]
        assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", page.text), name
        assert "<style" not in page.text, name
        assert not re.search(r"\sstyle=|\son[a-z]+=", page.text), name


def test_the_index_has_chapters_of_what_the_person_may_open(enter):
    page = enter("system_admin").get(reverse("admin:index")).text
    assert [title for title in ("受理与时限", "派遣与考核", "人员", "区域与部件") if title not in page] == []
    assert "审计记录" not in page
    assert "谁在哪里任什么职" in page
    page = enter("audit_admin").get(reverse("admin:index")).text
    assert "审计记录" in page
    assert "派遣与考核" not in page


def test_chapters_name_models_that_are_registered():
    registered = {model._meta.label_lower for model in admin.site._registry}
    assert {label for _title, labels in CHAPTERS for label in labels} <= registered


def test_empty_lists_say_so_and_what_to_do(enter):
    client = enter("system_admin")
    empty = client.get(reverse("admin:dispatch_routingrule_changelist")).text
    assert "还没有派遣规则" in empty
    assert reverse("admin:dispatch_routingrule_add") in empty
    filtered = client.get(reverse("admin:incidents_category_changelist"), {"q": "无此类别"}).text
    assert "没有符合条件的类别" in filtered
    assert "查看全部" in filtered
