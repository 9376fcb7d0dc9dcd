"""What is true of every endpoint's refusals, said in the OpenAPI document once (a hook of drf-spectacular)."""

from collections.abc import Iterator
from typing import Any

from dispatch.api.answers import refusal
from gridgov.common.problems import MEDIA_TYPE

_PROBLEM = {"$ref": "#/components/schemas/Problem"}


def refusals(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Refusals are ``application/problem+json``; and those that any such endpoint may answer with are there.

    What has parameters or a body may be wrong (400), what has a body may be too large or of another kind (413, 415),
    what is reached by an id may not exist (404), what needs a sign-in may lack it (401).
    """
    for operation in _operations(result):
        responses = operation["responses"]
        for code in _common(operation):
            responses.setdefault(code, {"content": {"application/json": {"schema": _PROBLEM}}, "description": ""})
            responses[code]["description"] = responses[code]["description"] or refusal(int(code))
        for code, response in responses.items():
            content = response.get("content", {})
            if code >= "400" and "application/json" in content:
                content[MEDIA_TYPE] = content.pop("application/json")
        operation["responses"] = dict(sorted(responses.items()))
    return result


def _operations(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in result["paths"].values():
        for method, operation in item.items():
            if method != "parameters":
                yield operation


def _common(operation: dict[str, Any]) -> Iterator[str]:
    places = {parameter["in"] for parameter in operation.get("parameters", ())}
    if "requestBody" in operation:
        yield from ("400", "413", "415")
    elif places & {"query", "path"}:
        yield "400"
    if "path" in places:
        yield "404"
    if {} not in operation.get("security", [{}]):
        yield "401"
