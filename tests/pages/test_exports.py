"""Asking for an export on a page, watching it and fetching it."""

import csv
import io

import pytest

from gridgov.common.models import AuditEntry
from reporting import exports
from reporting.models import Export

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _folder(settings, tmp_path):
    settings.EXPORT_ROOT = tmp_path / "exports"


def finish() -> None:
    while exports.run_slice():
        pass


def fetched(client, export: Export) -> list[dict[str, str]]:
    answer = client.get(f"/exports/{export.pk}/file/")
    assert answer.status_code == 200
    assert "attachment" in answer["Content-Disposition"]
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_page_is_for_those_who_may_see_cases(sign_in):
    for login in ("acceptor", "leader", "grid_leader"):
        assert sign_in(login).get("/exports/").status_code == 200, login
    for login in ("department_handler", "system_admin", "nobody"):
        client = sign_in(login)
        assert client.get("/exports/").status_code == 403, login
        assert client.post("/exports/start/", {"kind": "cases"}).status_code == 403


def test_button_of_the_queue_exports_what_the_list_shows(world, sign_in):
    lamp = world.report(category="0102")
    world.report()
    client = sign_in("acceptor")
    page = client.get("/queue/accept/?category=0102&after=").text
    assert 'action="/exports/start/"' in page
    assert 'name="query" value="category=0102"' in page
    answer = client.post(
        "/exports/start/", {"kind": "queue", "desk": "accept", "query": "category=0102", "form": "csv"}, follow=True
    )
    assert answer.redirect_chain == [("/exports/", 302)]
    export = Export.objects.get()
    assert "data-moving" in answer.text
    assert f"/exports/{export.pk}/cancel/" in answer.text
    finish()
    done = client.get("/exports/").text
    assert "data-moving" not in done
    assert f'href="/exports/{export.pk}/file/"' in done
    assert [row["案件编号"] for row in fetched(client, export)] == [lamp]


def test_button_of_a_figure_exports_its_cases(world, sign_in):
    number = world.report()
    client = sign_in("duty_chief")
    context = client.get("/dashboard/figures/open_cases/").context
    client.post("/exports/start/", {"kind": "figure", "query": context["export_query"], "form": "csv"})
    world.report()
    finish()
    assert [row["案件编号"] for row in fetched(client, Export.objects.get())] == [number]


def test_form_of_days_exports_them(world, sign_in):
    number = world.report()
    client = sign_in("duty_chief")
    shown = client.get("/exports/").context
    client.post("/exports/start/", {"kind": "cases", "from": shown["first"], "until": shown["last"], "form": "csv"})
    finish()
    assert [row["案件编号"] for row in fetched(client, Export.objects.get())] == [number]


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"kind": "nothing"}, 302),
        ({"kind": "queue", "desk": "nothing"}, 302),
        ({"kind": "queue", "desk": "verify"}, 403),
        ({"kind": "queue", "desk": "accept", "query": "area=999999"}, 302),
        ({"kind": "queue", "desk": "accept", "form": "pdf"}, 302),
        ({"kind": "figure", "query": "key=nothing&at=2026-01-01T00:00:00%2B08:00"}, 404),
        ({"kind": "figure", "query": "key=open_cases"}, 404),
        ({"kind": "figure", "query": "key=open_cases&at=2026-01-01T00:00:00%2B08:00&part=x"}, 404),
        ({"kind": "cases", "from": "2026-02-31", "until": "x"}, 302),
        ({"kind": "cases", "from": "2026-02-03", "until": "2026-02-01"}, 302),
        ({}, 302),
    ],
)
def test_form_that_means_nothing_starts_nothing(sign_in, form, status):
    assert sign_in("acceptor").post("/exports/start/", form).status_code == status
    assert not Export.objects.exists()


def test_export_of_another_does_not_exist(world, sign_in):
    world.report()
    client = sign_in("duty_chief")
    client.post("/exports/start/", {"kind": "cases", "from": "2020-01-01", "until": "2199-01-01", "form": "csv"})
    export = Export.objects.get()
    other = sign_in("duty_chief_2")
    assert other.post(f"/exports/{export.pk}/cancel/").status_code == 404
    finish()
    assert other.get(f"/exports/{export.pk}/file/").status_code == 404
    assert str(export.pk) not in other.get("/exports/").text
    assert client.get(f"/exports/{export.pk}/cancel/").status_code == 405


def test_cancelling_is_said(world, sign_in):
    client = sign_in("duty_chief")
    client.post("/exports/start/", {"kind": "cases", "from": "2020-01-01", "until": "2199-01-01", "form": "csv"})
    export = Export.objects.get()
    assert "已取消导出" in client.post(f"/exports/{export.pk}/cancel/", follow=True).text
    assert "这个导出已经结束" in client.post(f"/exports/{export.pk}/cancel/", follow=True).text
    assert client.get(f"/exports/{export.pk}/file/").status_code == 404


def test_failure_is_said_without_what_only_the_log_is_for(world, sign_in):
    client = sign_in("duty_chief")
    client.post("/exports/start/", {"kind": "cases", "from": "2020-01-01", "until": "2199-01-01", "form": "csv"})
    Export.objects.update(state="failed", last_error="OperationalError: FATAL: no such user at 10.0.0.3")
    page = client.get("/exports/").text
    assert "没有完成" in page
    assert "OperationalError" not in page


def test_trail_has_the_address_that_the_proxy_saw(world, sign_in, settings):
    settings.BEHIND_TLS, settings.SECURE_SSL_REDIRECT = True, False
    sign_in("duty_chief").post(
        "/exports/start/", {"kind": "cases", "from": "2020-01-01", "until": "2199-01-01", "form": "csv"},
        REMOTE_ADDR="172.18.0.2", headers={"X-Forwarded-For": "6.6.6.6, 10.0.0.9"},
    )  # fmt: skip
    assert AuditEntry.objects.get(action="export_started").address == "10.0.0.9"


def test_page_takes_the_same_statements_however_many_exports(world, sign_in, statements):
    client = sign_in("duty_chief")
    span = {"kind": "cases", "from": "2020-01-01", "until": "2199-01-01", "form": "csv"}
    client.post("/exports/start/", span)
    finish()
    few = statements(client, "/exports/")
    for _ in range(2):
        client.post("/exports/start/", span)
        finish()
    assert statements(client, "/exports/") == few
