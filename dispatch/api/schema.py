"""What is true of every endpoint's refusals, said in the OpenAPI document once (a hook of drf-spectacular)."""

from collections.abc import Iterator
from typing import Any

from dispatch.api.answers import refusal
from gridgov.common.problems import MEDIA_TYPE

_PROBLEM = {"$ref": "#/components/schemas/Problem"}


def refusals(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Refusals are ``application/problem+json``; and those that any such endpoint may answer with are there.

    What has parameters or a body may be wrong (400), what has a body may be too large or of another kind (413, 415),
    what is reached by an id may not exist (404), what needs a sign-in may lack it (401), what writes may lack the token
    against forged requests or be refused to the person (403).
    """
    for method, operation in _operations(result):
        responses = operation["responses"]
        for code in _common(method, operation):
            responses.setdefault(code, {"description": refusal(int(code))})
        for code, response in responses.items():
            if code >= "400":
                response["content"] = {MEDIA_TYPE: {"schema": _PROBLEM}}
        operation["responses"] = dict(sorted(responses.items()))
    return result


def _operations(result: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in result["paths"].values():
        for method, operation in item.items():
            if method != "parameters":
                yield method, operation


def _common(method: str, operation: dict[str, Any]) -> Iterator[str]:
    places = {parameter["in"] for parameter in operation.get("parameters", ())}
    if "requestBody" in operation:
        yield from ("400", "413", "415")
    elif places & {"query", "path"}:
        yield "400"
    if "path" in places:
        yield "404"
    if {} not in operation.get("security", [{}]):
        yield "401"
        if method != "get":
            yield "403"
