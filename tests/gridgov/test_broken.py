"""A fault of ours answers as what was asked for: a problem under the API, a page elsewhere."""

from django.test import RequestFactory

from gridgov.common.problems import broken


def test_fault_under_the_api_is_a_problem_document() -> None:
    answer = broken(RequestFactory().get("/api/v1/incidents/"))
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert b'"code":"server_error"' in answer.content


def test_fault_elsewhere_is_the_page() -> None:
    answer = broken(RequestFactory().get("/queue/"))
    assert answer.status_code == 500
    assert "系统出错了" in answer.content.decode()
