"""NUL in what is asked or sent is a clear 400 everywhere: PostgreSQL takes none, and it is nobody's word."""

import pytest
from django.conf import settings
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(world, django_user_model):
    client = Client()
    client.force_login(django_user_model.objects.create_superuser("root"))
    return client


@pytest.mark.parametrize(
    "path",
    [
        "/admin/common/calendarversion/?calendar=%00", "/admin/common/user/?q=%00", "/admin/common/user/?_popup=%00",
        "/admin/common/user/?%00=1", "/admin/common/auditentry/?action=a%00b", "/admin/grids/area/?o=%00",
        "/admin/autocomplete/?term=%00", "/audit/?text=%00", "/security/?text=%00", "/login/?next=%00", "/?x=1&y=%00",
    ],
)  # fmt: skip
def test_nul_in_a_query_is_refused(admin, path):
    answer = admin.get(path)
    assert (path, answer.status_code) == (path, 400)
    assert "内容中有不能保存的字符" in answer.content.decode()


def test_nul_in_a_query_of_the_api_is_refused_by_name(world):
    answer = world.client("acceptor").get("/api/v1/incidents/?text=a%00b")
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"field": "text", "message": "内容中有不能保存的字符", "code": "null_characters_not_allowed"}
    ]


@pytest.mark.parametrize("path", ["/login/", "/admin/login/", "/language/", "/admin/common/user/"])
def test_nul_in_a_form_is_refused(admin, path):
    assert admin.post(path, {"username": "a\0b", "password": "x"}).status_code == 400
    assert admin.post(path, {"a\0b": "x"}).status_code == 400


def test_percent_sign_before_two_noughts_is_text(admin):
    assert admin.get("/audit/?text=%2500").status_code != 400


@pytest.mark.parametrize("path", ["/admin/common/user/%00/change/", "/admin/common/%00/", "/%00", "/api/v1/%00/"])
def test_nul_in_a_path_is_no_address(admin, path):
    assert admin.get(path).status_code in (302, 404)


def test_session_cookie_that_quotes_what_no_row_holds_is_nobodys(world):
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = "\0" * 12
    answer = client.get("/work/accept/")
    assert answer.status_code == 302
    assert answer.url.startswith("/login/")
