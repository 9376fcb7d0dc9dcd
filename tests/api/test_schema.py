"""The OpenAPI document: generated without a warning, valid, and true."""

import re
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from dispatch.api.urls import urlpatterns
from tests.worlds import World


@pytest.fixture(scope="module")
def schema() -> Any:
    GENERATOR_STATS.reset()
    made = SchemaGenerator().get_schema(request=None, public=True)
    assert not GENERATOR_STATS, GENERATOR_STATS.emit_summary()
    return made


def test_schema_is_valid_openapi_3_1(schema: Any) -> None:
    assert schema["openapi"].startswith("3.1")
    validate_schema(schema)


def test_schema_has_every_address(schema: Any) -> None:
    described = {re.sub(r"\{\w+\}", "{}", path) for path in schema["paths"]}
    served = {"/api/v1/" + re.sub(r"<[^>]+>", "{}", str(route.pattern)) for route in urlpatterns}
    assert described == served


def test_schema_names_the_header_and_the_problems(schema: Any) -> None:
    report = schema["paths"]["/api/v1/incidents/"]["post"]
    assert "Idempotency-Key" in [p["name"] for p in report["parameters"] if p["in"] == "header"]
    assert {"200", "201", "400", "401", "403", "409", "413"} <= set(report["responses"])
    assert set(schema["components"]["securitySchemes"]) == {"token", "session"}


def test_refusals_are_problems_in_their_own_media_type(schema: Any) -> None:
    operations = [op for item in schema["paths"].values() for name, op in item.items() if name != "parameters"]
    refused = {code: r for op in operations for code, r in op["responses"].items() if code >= "400"}
    assert {"400", "401", "403", "404", "409", "413", "415"} <= set(refused)
    for response in refused.values():
        assert set(response["content"]) == {"application/problem+json"}
        assert response["description"]
    areas = schema["paths"]["/api/v1/areas/"]["get"]["responses"]
    assert {"200", "400", "401"} == set(areas)
    file = schema["paths"]["/api/v1/attachments/{id}/"]["get"]["responses"]
    assert {"image/jpeg", "application/pdf"} <= set(file["200"]["content"])
    assert "404" in file
    assert "403" in schema["paths"]["/api/v1/texts/{id}/"]["delete"]["responses"]


@pytest.mark.django_db
def test_answers_have_the_fields_that_the_schema_says(schema: Any, world: World) -> None:
    number = world.carry("handling")
    components = schema["components"]["schemas"]

    def check(name: str, said: dict[str, Any]) -> None:
        shape = components[name]
        assert set(said) == set(shape["properties"]), name
        for field, value in said.items():
            inner = shape["properties"][field]
            reference = (inner.get("items") or inner).get("$ref", "") or "".join(
                part.get("$ref", "") for part in inner.get("oneOf", inner.get("allOf", ()))
            )
            target = reference.rpartition("/")[2]
            if "properties" not in components.get(target, {}) or target in ("Handler",):
                continue
            for one in value if isinstance(value, list) else [value] if value is not None else []:
                check(target, one)

    client = world.client("acceptor")
    case = client.get(f"/api/v1/incidents/{number}/").json()
    check("CaseAnswer", case)
    check("CaseRow", client.get("/api/v1/incidents/").json()["results"][0])
    check("TicketRow", world.client("department_handler").get("/api/v1/tickets/").json()["results"][0])
    check("MeAnswer", client.get("/api/v1/me/").json())
    check("CategoryAnswer", client.get("/api/v1/categories/").json()["results"][0])
    check("FilingStandardAnswer", client.get("/api/v1/standards/").json()["results"][0])


@pytest.mark.django_db
def test_documents_need_no_other_server(client: Client) -> None:
    page = client.get("/api/docs/")
    assert page.status_code == 200
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.content.decode())
    assert len(sources) >= 3
    assert not [source for source in sources if "//" in source], sources
    for source in sources:
        if source.startswith("/static/"):
            assert client.get(source).status_code == 200, source
    assert b"openapi: 3.1" in client.get("/api/schema/").content


def test_address_that_is_none_is_a_problem_for_who_has_no_form_either() -> None:
    answer = Client(enforce_csrf_checks=True).post("/api/v1/tickets/x/sign/")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
