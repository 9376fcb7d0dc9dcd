"""Who may what, for every address: written by hand. The matrix asks each address as everybody and compares.

A rule says who is let in (``able``), who is told that he lacks something (403: ``known`` and not able), and so to
whom it does not exist (404: everybody else). Nobody signed in is sent to sign in (302), the API answers 401. ``ok`` is
what those who are let in get. Values in braces come from the scene of the place (tests/security/scene.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.security.scene import ASKERS, IN, OUT

EVERYBODY = frozenset(login for login in ASKERS if login is not None)
NOBODY: frozenset[str] = frozenset()
#: Who sees a case of each place: those posted over it, and the department whose ticket it is.
SEES: Mapping[str, frozenset[str]] = {
    IN: frozenset({
        "acceptor", "duty_chief", "dispatcher", "supervisor", "verifier", "grid_leader", "grid_worker", "leader",
        "department_handler", "department_head",
    }),
    OUT: frozenset({"leader"}),
}  # fmt: skip
OVER_CASES = SEES[IN] - {"department_handler", "department_head"}
DEPARTMENT = frozenset({"department_handler", "department_head"})
FIELD = frozenset({"grid_leader", "grid_worker"})
#: Who reaches the admin pages at all; others are told that these are not theirs (403), whatever they ask for there.
STAFF = frozenset({"system_admin", "security_admin", "audit_admin"})


@dataclass(frozen=True)
class Rule:
    """One address, one method, one way to ask."""

    key: str
    able: Any  # a set, or a set by place
    known: Any = EVERYBODY  # a set, or a set by place
    method: str = "GET"
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] | None = None
    query: str = ""
    ok: tuple[int, ...] = (200,)
    anonymous: tuple[int, ...] = ()
    refused: tuple[int, ...] = (403,)
    places: tuple[str, ...] = (IN,)


def _names(names: str) -> frozenset[str]:
    found = frozenset(names.split())
    assert found <= EVERYBODY, found - EVERYBODY
    return found


def public(key: str, *ok: int, **more: Any) -> Rule:
    """Anybody, with or without an account."""
    return Rule(key, EVERYBODY, ok=ok or (200,), anonymous=ok or (200,), **more)


def signed(key: str, *ok: int, **more: Any) -> Rule:
    """Everybody who is signed in."""
    return Rule(key, EVERYBODY, ok=ok or (200,), **more)


def desk(key: str, able: Any, *ok: int, **more: Any) -> Rule:
    """Those of a role; the others are told that theirs is none of it."""
    return Rule(key, _names(able) if isinstance(able, str) else able, ok=ok or (200,), **more)


def case(key: str, able: str | frozenset[str] | None = None, *ok: int, **more: Any) -> Rule:
    """A case of either place: able of those who see it (None: all of them)."""
    who = EVERYBODY if able is None else _names(able) if isinstance(able, str) else able
    kwargs = {"number": "{number}"} | dict(more.pop("kwargs", {}))
    return Rule(key, who, known=more.pop("known", SEES), kwargs=kwargs, ok=ok or (200,), places=(IN, OUT), **more)


def own(key: str, owner: str, *ok: int, **more: Any) -> Rule:
    """What belongs to one person, and exists for nobody else."""
    return Rule(key, _names(owner), known=_names(owner), ok=ok or (200,), **more)


def post(rule: Any, key: str, *args: Any, data: Mapping[str, Any] | None = None, **more: Any) -> Rule:
    """The rule of sending something."""
    return rule(key, *args, method="POST", data=data or {}, **more)


#: Who may add a note: the desks by posting, and who handles the case.
AT_WORK = (
    frozenset({"acceptor", "duty_chief", "dispatcher", "supervisor", "verifier", "grid_leader", "leader"}) | DEPARTMENT
)
OPERATES = {IN: frozenset({"duty_chief", "system_admin"}), OUT: frozenset({"system_admin"})}
REASON = {"reason": "核对情况"}
LEADS_IN = {IN: frozenset({"grid_leader"}), OUT: NOBODY}

PAGES: tuple[Rule, ...] = (
    # --- open to all ---
    public("healthz", 200, 503),
    public("readyz", 200, 503),
    public("livez"),
    # by address and token, not by who: tests/observability/test_metrics.py
    public("metrics"),
    public("schema"),
    public("docs"),
    public("words"),
    post(public, "set_language", 302, data={"language": "en", "next": "/login/"}),
    public("^api/", 404, query="/api/none/"),
    Rule("pages:sign_in", EVERYBODY, ok=(302,), anonymous=(200,)),
    Rule("admin/login/", STAFF, ok=(302,), anonymous=(200,), query="/admin/login/"),
    public("pages:sign_in_code", 302),
    public("pages:sign_in_enrol", 302),
    public("pages:sign_in_password", 302),
    public("pages:sign_in_go", 302),
    public("admin/password_change/", 302, query="/admin/password_change/"),
    post(public, "pages:sign_out", 302),
    public("pages:scan", kwargs={"qr_token": "{component}"}, places=(IN, OUT)),
    post(public, "pages:scan", 400, kwargs={"qr_token": "{component}"}),
    public("pages:link", kwargs={"token": "{token}"}, places=(IN, OUT)),
    public("pages:link_file", kwargs={"token": "{token}", "attachment_id": "{attachment}"}, places=(IN, OUT)),
    post(public, "pages:link_act", 409, kwargs={"token": "{token}", "action": "evaluate"},
         data={"result": "satisfied"}),
    # --- everybody's own ---
    signed("pages:home", 302),
    signed("pages:here", 204),
    post(signed, "pages:here", 204),
    signed("pages:account"),
    post(signed, "pages:change_password", 400),
    signed("pages:factor"),
    post(signed, "pages:renew_codes", 400),
    post(signed, "pages:remove_factor", 400),
    post(signed, "pages:drop_token", 302),
    post(own, "pages:end_session", "acceptor", 302, kwargs={"public_id": "{session}"}),
    signed("pages:notices"),
    post(signed, "pages:read_all", 302),
    post(own, "pages:read_notice", "acceptor", 302, kwargs={"notice_id": "{notice}"}),
    signed("pages:holders"),
    signed("pages:place", query="?lon=103.6&lat=36.05"),
    # --- administrators ---
    desk("pages:security", "security_admin"),
    post(desk, "pages:unlock", "security_admin", 302, kwargs={"key": "{lockout}"}),
    post(desk, "pages:end_any_session", "security_admin", 302, kwargs={"public_id": "{session}"}, data=REASON),
    post(
        desk, "pages:act_on_account", "security_admin", 302, kwargs={"user_id": "{somebody}", "step": "close"},
        data=REASON,
    ),
    desk("pages:audit", "audit_admin"),
    desk("pages:audit_export", "audit_admin"),
    # --- desks ---
    desk("pages:queue", "acceptor", kwargs={"desk": "accept"}),
    desk("pages:queue", "duty_chief", kwargs={"desk": "file"}),
    desk("pages:queue", "dispatcher", kwargs={"desk": "dispatch"}),
    desk("pages:queue", "verifier", kwargs={"desk": "verify"}),
    desk("pages:queue", "supervisor duty_chief leader", kwargs={"desk": "supervise"}),
    desk("pages:queue", "dispatcher duty_chief leader", kwargs={"desk": "approve"}),
    desk("pages:workbench", "acceptor", kwargs={"desk": "accept"}),
    desk("pages:workbench", "duty_chief", kwargs={"desk": "file"}),
    desk("pages:workbench", "dispatcher", kwargs={"desk": "dispatch"}),
    desk("pages:workbench", "verifier", kwargs={"desk": "verify"}),
    desk("pages:workbench", "supervisor duty_chief leader", kwargs={"desk": "supervise"}),
    desk("pages:workbench", "dispatcher duty_chief leader", 302, kwargs={"desk": "approve"}),
    signed("pages:inbox"),
    desk("pages:tasks", FIELD),
    desk("pages:report", FIELD | {"acceptor"}),
    post(desk, "pages:report", FIELD | {"acceptor"}, 400),
    desk("pages:where", "acceptor", query="?text=一网格"),
    desk("pages:ops", "duty_chief system_admin"),
    desk("pages:loop_audit", "duty_chief system_admin"),
    post(desk, "pages:loop_audit_now", "duty_chief system_admin", 302),
    # over the whole city alone, which of these is the administrator's posting
    desk("pages:system", "system_admin"),
    desk("pages:appeals", DEPARTMENT | FIELD | {"acceptor", "dispatcher"}),
    desk("pages:rulings", "duty_chief"),
    desk("reporting:today", "grid_leader"),
    desk("reporting:dashboard", OVER_CASES),
    desk("reporting:figure", OVER_CASES, kwargs={"key": "reported"}),
    # --- maps: an area that is not one's own does not exist ---
    Rule("pages:map_areas", OVER_CASES, query="?level=5", places=(IN,)),
    Rule("pages:map_cases", OVER_CASES, query="?bbox=103.5,36.0,103.8,36.2&zoom=12", places=(IN,)),
    Rule("pages:map_components", OVER_CASES, query="?bbox=103.5,36.0,103.8,36.2&zoom=12"),
    Rule("pages:map_duty", OVER_CASES, query="?bbox=103.5,36.0,103.8,36.2&zoom=12"),
    Rule("pages:map_zones", OVER_CASES),
    *(
        Rule(key, OVER_CASES, known={OUT: EVERYBODY - OVER_CASES | {"leader"}}, query=f"?area={{area}}{more}",
             places=(OUT,))
        for key, more in (
            ("pages:map_components", "&bbox=103.5,36.0,103.8,36.2&zoom=12"),
            ("pages:map_duty", "&bbox=103.5,36.0,103.8,36.2&zoom=12"),
            ("pages:map_zones", ""),
        )
    ),
    # --- exports: another's does not exist; who sees no case hears that ---
    desk("reporting:exports", OVER_CASES),
    post(desk, "reporting:export_start", OVER_CASES, 302,
         data={"kind": "cases", "form": "csv", "from": "2026-01-01", "until": "2026-01-31"}),
    post(desk, "reporting:export_cancel", "acceptor", 302, kwargs={"export_id": "{waiting_export}"},
         known=EVERYBODY - OVER_CASES | {"acceptor"}),
    desk("reporting:export_file", "acceptor", kwargs={"export_id": "{export}"},
         known=EVERYBODY - OVER_CASES | {"acceptor"}),
    # --- cases ---
    Rule("pages:find", EVERYBODY, known=SEES, ok=(302,), query="?text={number}", places=(IN, OUT)),
    case("pages:case"),
    case("pages:reported"),
    case("pages:compare", kwargs={"other": "{accepted}"}, known={IN: OVER_CASES, OUT: SEES[OUT]}),
    case("pages:ticket", None, 200, 302),
    post(case, "pages:act", AT_WORK, 302,
         kwargs={"action": "note"}, data={"note": "已核对", "version": "{version}"}),
    post(case, "pages:ask", DEPARTMENT, 302, 409, kwargs={"kind": "extend"},
         data={"reason": "道路封闭", "version": "{version}"}),
    post(case, "pages:decide", "dispatcher duty_chief leader", 302, kwargs={"request_id": "{request}"},
         data={"decision": "grant", "reason": "同意"}),
    post(case, "pages:joint", "department_head", 302, kwargs={"ticket_id": "{joint}", "step": "sign"},
         known={IN: frozenset({"department_head"}), OUT: NOBODY}),
    post(case, "pages:phone", "acceptor duty_chief", data=REASON),
    public("pages:signed_file", kwargs={"link": "{signed}"}),
    Rule("pages:file", EVERYBODY, known=SEES, kwargs={"attachment_id": "{attachment}"}, places=(IN, OUT)),
    # who rules on nothing hears that, whatever he asks for
    case("pages:ruling", "duty_chief", known={IN: EVERYBODY, OUT: EVERYBODY - {"duty_chief"}}),
    case("pages:appeal", None, kwargs={"number": "{number}"}, known={IN: DEPARTMENT, OUT: NOBODY}),
    Rule("pages:appeal_decide", _names("acceptor dispatcher"), known=SEES, kwargs={"appeal_id": "{appeal}"},
         places=(IN, OUT)),
    case("reporting:case_then", kwargs={"seq": "{seq}"}),
    # --- operations: who operates the loop elsewhere hears that he does not here ---
    post(desk, "pages:ladder", OPERATES, 302, kwargs={"clock_id": "{clock}", "step": "pause"},
         data=REASON, places=(IN, OUT)),
    post(desk, "pages:release_entry", OPERATES, 302, kwargs={"entry_id": "{entry}"}, data=REASON,
         places=(IN, OUT)),
    post(desk, "pages:resend", OPERATES, 302, kwargs={"delivery_id": "{delivery}"}, data=REASON,
         places=(IN, OUT)),
    # --- assessments ---
    Rule("reporting:assessments", FIELD, ok=(200, 302)),
    desk("reporting:assessments_mine", FIELD),
    desk("reporting:assessment_scheme", FIELD | {"system_admin"}),
    post(desk, "reporting:assessments_confirm", "grid_leader", 200, data={"month": "{month}", "row": "{assessment}"}),
    Rule("reporting:assessment", EVERYBODY, known=LEADS_IN, kwargs={"assessment_id": "{assessment}"}, places=(IN, OUT)),
    Rule("reporting:assessment_review", EVERYBODY, known=LEADS_IN, kwargs={"assessment_id": "{assessment}"},
         method="POST", data={"revision": "{revision}"}, ok=(302,), places=(IN, OUT)),
    Rule("reporting:assessment_publish", EVERYBODY, known=LEADS_IN, kwargs={"assessment_id": "{assessment}"},
         method="POST", data={"revision": "{revision}"}, ok=(302, 409), places=(IN, OUT)),
    Rule("reporting:assessment_reply", NOBODY, known=LEADS_IN, kwargs={"assessment_id": "{assessment}"},
         method="POST", data={"revision": "{revision}", "reply": "不同意"}, places=(IN, OUT)),
    Rule("reporting:assessment_correct", EVERYBODY, known=LEADS_IN, kwargs={"assessment_id": "{assessment}"},
         method="POST", data={"correction": "重算"}, ok=(302, 400, 409), places=(IN, OUT)),
    Rule("reporting:assessment_evidence", EVERYBODY, known=LEADS_IN,
         kwargs={"assessment_id": "{assessment}", "number": "{proof}", "seq": "{proof_seq}"}, places=(IN, OUT)),
)  # fmt: skip

API: tuple[Rule, ...] = (
    post(public, "api:token", 401, data={"login": "nobody-here", "password": "x"}),
    signed("api:me"),
    signed("api:areas"),
    signed("api:locate", query="?lon=103.605&lat=36.055"),
    post(signed, "api:locate", data={"points": [[103.605, 36.055]]}),
    signed("api:categories"),
    signed("api:standards"),
    post(signed, "api:attachments", 400),
    Rule("api:attachment", EVERYBODY, known=SEES, kwargs={"pk": "{attachment}"}, places=(IN, OUT)),
    Rule("api:attachment-link", EVERYBODY, known=SEES, method="POST", kwargs={"pk": "{attachment}"}, data={},
         places=(IN, OUT)),
    signed("api:incidents"),
    post(desk, "api:incidents", FIELD | {"acceptor"}, 201,
         data={"category": "0201", "lon": "{lon}", "lat": "{lat}", "description": "垃圾"}),
    case("api:incident"),
    post(case, "api:transitions", AT_WORK, data={"action": "note", "note": "已核对"}),
    post(case, "api:case-requests", DEPARTMENT, 201, data={"kind": "extend", "reason": "道路封闭"}),
    post(case, "api:case-request-decision", "dispatcher duty_chief leader", kwargs={"pk": "{request}"},
         data={"grant": False, "reason": "不同意"}),
    post(case, "api:reveal-phone", "acceptor duty_chief", data=REASON),
    signed("api:requests"),
    Rule("api:request-decision", _names("dispatcher duty_chief leader"), known=SEES, method="POST",
         kwargs={"pk": "{request}"}, data={"grant": False, "reason": "不同意"}, places=(IN, OUT)),
    signed("api:tickets"),
    *(
        Rule(f"api:ticket-{step}", _names("department_head"), known=SEES, method="POST", kwargs={"pk": "{joint}"},
             data=data, ok=(204,), places=(IN, OUT))
        for step, data in (("sign", {}), ("done", {"note": "已配合"}), ("refuse", {"reason": "非职责"}))
    ),
    post(case, "api:claim", "duty_chief supervisor leader", kwargs={"number": "{accepted}"},
         known={IN: OVER_CASES, OUT: SEES[OUT]}),
    case("api:claim", None, 204, method="DELETE"),
    post(case, "api:claim-renew", None, 409),
    post(case, "api:claim-seize", "supervisor duty_chief leader", 409, data=REASON),
    case("api:changes", query="?version=1"),
    case("api:undo"),
    case("api:case-texts", query="?action=note"),
    case("api:handling"),
    post(case, "api:case-appeals", DEPARTMENT, 409, data=REASON),
    signed("api:appeals"),
    Rule("api:appeal-decision", _names("dispatcher"), known=SEES, method="POST", kwargs={"pk": "{appeal}"},
         data={"grant": True, "reason": "属实"}, places=(IN, OUT)),
    post(signed, "api:bulk", places=(IN, OUT),
         data={"action": "accept", "cases": [{"number": "{accepted}", "version": 1}], "dry_run": True}),
    signed("api:find", query="?text=0201"),
    signed("api:report-preview", query="?category=0201"),
    signed("api:views"),
    post(desk, "api:views", "acceptor", 201, data={"desk": "accept", "name": "新的"}),
    Rule("api:view", _names("acceptor"), method="PUT", kwargs={"pk": "{view}"},
         data={"desk": "accept", "name": "改名"}),
    Rule("api:view", _names("acceptor"), known=_names("acceptor"), method="DELETE", kwargs={"pk": "{view}"}, ok=(204,)),
    signed("api:texts"),
    post(desk, "api:texts", EVERYBODY - {"nobody"}, 201, data={"stage": "accept", "title": "常用", "text": "已收到"}),
    Rule("api:text", _names("acceptor"), known=_names("acceptor nobody"), method="PUT", kwargs={"pk": "{text}"},
         data={"title": "改"}),
    Rule("api:text", _names("acceptor"), known=_names("acceptor"), method="DELETE", kwargs={"pk": "{text}"}, ok=(204,)),
    signed("api:drafts"),
    own("api:draft", "acceptor", kwargs={"key": "{draft}"}),
    Rule("api:draft", EVERYBODY, method="PUT", kwargs={"key": "{draft}"}, data={"content": {"a": "b"}}),
    Rule("api:draft", EVERYBODY, method="DELETE", kwargs={"key": "{draft}"}, ok=(204,)),
)  # fmt: skip

# --- the admin pages ----------------------------------------------------------------------------------------------

SYSTEM, PEOPLE, AUDIT = _names("system_admin"), _names("system_admin security_admin"), _names("audit_admin")
#: Model → who opens its pages, and what they may do besides looking. What nobody opens has pages of its own.
ADMIN: Mapping[str, tuple[frozenset[str], str]] = {
    "auth_group": (NOBODY, ""),
    "common_auditentry": (AUDIT, ""),
    "common_calendarversion": (SYSTEM, "add"),
    "common_workcalendar": (SYSTEM, ""),
    "dispatch_appeal": (NOBODY, ""),
    "dispatch_cannedtext": (SYSTEM, "add"),
    "dispatch_escalationtarget": (SYSTEM, "add delete"),
    "dispatch_ladderpause": (NOBODY, ""),
    "dispatch_noticedelivery": (NOBODY, ""),
    "dispatch_request": (NOBODY, ""),
    "dispatch_routingrule": (SYSTEM, "add"),
    "dispatch_savedview": (SYSTEM, "add delete"),
    "dispatch_ticket": (NOBODY, ""),
    "grids_area": (SYSTEM, ""),
    "grids_areamembership": (PEOPLE, ""),
    "grids_codepattern": (SYSTEM, "add delete"),
    "grids_component": (SYSTEM, "add delete"),
    "grids_place": (SYSTEM, "add delete"),
    "grids_servicezone": (SYSTEM, "add delete"),
    "incidents_category": (SYSTEM, "add"),
    "incidents_checkpoint": (NOBODY, ""),
    "incidents_clock": (NOBODY, ""),
    "incidents_filingstandard": (SYSTEM, "add"),
    "incidents_incident": (NOBODY, ""),
    "incidents_journalentry": (NOBODY, ""),
    "incidents_ladder": (SYSTEM, "add"),
    "incidents_limit": (SYSTEM, "add"),
    "personnel_assessmentscheme": (SYSTEM, "add"),
    "personnel_componentduty": (SYSTEM, "add"),
    "personnel_department": (SYSTEM, "add"),
    "personnel_posting": (PEOPLE, "add"),
    "personnel_worker": (PEOPLE, "add"),
}


#: Who adds where not everybody does who opens the page.
ADDS = {"personnel_worker": SYSTEM}


def _admin() -> Iterator[Rule]:
    for name in ("index", "jsi18n", "password_change_done"):
        yield Rule(f"admin:{name}", STAFF)
    for app in ("auth", "common", "dispatch", "grids", "incidents", "personnel"):
        able = frozenset[str]().union(*(who for model, (who, _may) in ADMIN.items() if model.startswith(f"{app}_")))
        yield Rule("admin:app_list", able, kwargs={"app_label": app}, known=able)
    yield Rule("admin:login", STAFF, ok=(302,), anonymous=(200,), query="/admin/login/")
    yield Rule("admin:password_change", EVERYBODY, ok=(302,), query="/admin/password_change/")
    yield Rule("admin:logout", STAFF, method="POST", data={}, ok=(302,), anonymous=(302,))
    yield Rule("admin:autocomplete", PEOPLE, query="?app_label=personnel&model_name=posting&field_name=worker")
    yield Rule("admin:view_on_site", NOBODY, known=NOBODY, kwargs={"content_type_id": 1, "object_id": "1"})
    yield Rule("admin:admin/(?P<url>.*)$", NOBODY, known=NOBODY, query="/admin/there-is-none/")
    here = {"area_id": "{area}"}
    yield Rule("admin:grids_area_map", SYSTEM, kwargs=here)
    yield Rule("admin:grids_area_map_shapes", SYSTEM, kwargs=here)
    # 400: nothing is drawn
    yield Rule("admin:grids_area_map_check", SYSTEM, kwargs=here, method="POST", data={}, ok=(400,))
    yield Rule("admin:grids_area_map_save", SYSTEM, kwargs=here, method="POST", data={}, ok=(400,))
    yield Rule("admin:grids_component_plates", SYSTEM, query="?ids={plate}")
    for model, (able, may) in ADMIN.items():
        row = {"object_id": f"{{row:{model}}}"}
        yield Rule(f"admin:{model}_changelist", able)
        yield Rule(f"admin:{model}_add", ADDS.get(model, able) if "add" in may else NOBODY)
        # 302, 404: the scene has no such row
        yield Rule(f"admin:{model}_change", able, kwargs=row, ok=(200, 302, 404))
        yield Rule(f"admin:{model}_history", able, kwargs=row, ok=(200, 302, 404), refused=(403, 302, 404))
        yield Rule(f"admin:{model}_delete", able if "delete" in may else NOBODY, kwargs=row, ok=(200, 302, 404))
        path = f"admin/{model.replace('_', '/')}"
        yield Rule(f"admin:{path}/<path:object_id>/", STAFF, query=f"/{path}/1/", ok=(302,))


ADMIN_PAGES: tuple[Rule, ...] = tuple(_admin())
