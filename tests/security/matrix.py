"""Walks the table of addresses, and asks an address as everybody."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.apps import apps
from django.core.cache import cache
from django.db import transaction
from django.http import HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests.security.rules import EVERYBODY, STAFF, Rule
from tests.security.scene import ASKERS, Scene

#: Methods of the API that a view may have.
_METHODS = ("get", "post", "put", "patch", "delete")


def addresses(patterns: Any = None, prefix: str = "", route: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every address: its name with its name space, or, where it has none, its pattern."""
    for one in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(one, URLResolver):
            space = f"{prefix}{one.namespace}:" if one.namespace else prefix
            yield from addresses(one.url_patterns, space, route + str(one.pattern))
        else:
            yield (f"{prefix}{one.name}" if one.name else f"{prefix}{route}{one.pattern}", one)


def methods_of(pattern: URLPattern) -> set[str]:
    """The methods that a view of the API answers; empty for a page."""
    view = getattr(pattern.callback, "cls", None)
    return {name.upper() for name in _METHODS if hasattr(view, name)} if view is not None else set()


def expected(rule: Rule, login: str | None, place: str) -> tuple[int, ...]:
    """What the rule says that this person gets."""
    if login is None:
        return rule.anonymous or ((401,) if rule.key.startswith("api:") else (302,))
    known, able = (named if isinstance(named, frozenset) else named[place] for named in (rule.known, rule.able))
    if rule.key.startswith("admin:") and login not in STAFF | able:
        return (403,)
    if login not in known:
        return (404,)
    return rule.ok if login in able else rule.refused


def askers(rule: Rule, turn: int) -> tuple[str | None, ...]:
    """Who asks: everybody, but where the rule makes no difference between them: then a few, others each ``turn``.

    The admin pages refuse whoever is no administrator before they look at what he asks for, and a page of everybody
    asks for no role: there somebody without a role, nobody signed in, and another role at each address are enough.
    """
    if rule.key.startswith("admin:"):
        tells_apart = rule.able & STAFF not in (frozenset(), STAFF)
        always = STAFF if tells_apart else frozenset({sorted(STAFF)[turn % len(STAFF)]})
    elif rule.able == rule.known == EVERYBODY:
        always = frozenset({"nobody"})
    else:
        return ASKERS
    out = STAFF if rule.key.startswith("admin:") else always
    others = [login for login in ASKERS if login is not None and login not in out]
    return (*sorted(always), others[turn % len(others)], None)


def faults(rules: tuple[Rule, ...], scene: Scene) -> list[str]:
    """A line for each person and address whose answer is not the rule's. Nothing that is done stays done."""
    found = []
    for turn, rule in enumerate(rules):
        for place in rule.places:
            told = scene.of[place]
            for login in askers(rule, turn):
                got, where = ask(rule, scene, login, told)
                if got not in expected(rule, login, place):
                    found.append(f"{rule.method} {where} as {login} {place}: {got}, not {expected(rule, login, place)}")
    return found


def ask(rule: Rule, scene: Scene, login: str | None, told: Mapping[str, Any]) -> tuple[int, str]:
    """The status that this person gets, and the address. What was written is taken back."""
    client = scene.clients[login]
    cookies = client.cookies.copy()
    if rule.method == "POST" and rule.anonymous:
        cache.clear()  # what is open to all counts how often somebody comes
    where = path_of(rule, told)
    given: dict[str, Any] = {}
    if rule.data is not None:
        given["data"] = _filled(rule.data, told)
        if rule.key.startswith("api:") and rule.key != "api:attachments":
            given["content_type"] = "application/json"
    with transaction.atomic():
        response: HttpResponse = getattr(client, rule.method.lower())(where, **given)
        if response.streaming:
            b"".join(response.streaming_content)  # type: ignore[attr-defined]
        transaction.set_rollback(True)
    client.cookies = cookies
    return response.status_code, where


def path_of(rule: Rule, told: Mapping[str, Any]) -> str:
    if rule.query.startswith("/"):
        return rule.query
    return reverse(rule.key, kwargs=_filled(rule.kwargs, told)) + _filled(rule.query, told)


def _filled(given: Any, told: Mapping[str, Any]) -> Any:
    if isinstance(given, Mapping):
        return {name: _filled(value, told) for name, value in given.items()}
    if isinstance(given, list):
        return [_filled(value, told) for value in given]
    if isinstance(given, str) and given.startswith("{row:"):
        found = apps.get_model(*given[5:-1].split("_"))._base_manager.values_list("pk", flat=True).first()
        return str(found or 0)
    if isinstance(given, str) and given.startswith("{") and given.endswith("}"):
        return told[given[1:-1]]
    return given.format(**told) if isinstance(given, str) and "{" in given else given
