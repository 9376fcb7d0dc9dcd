"""The other pages in each of their states: pictures of what leaders, the public and administrators see."""

from scripts.screens_steps import (
    PHONE,
    SMALL,
    WALL,
    Screen,
    Shot,
    aborted,
    again,
    clicked,
    fast_forward,
    filled,
    hovered,
    offline,
    opened,
    scrolled,
    seen,
    sent,
    steps,
)

_SIGN_IN = steps(filled("[name=username]", "acceptor"), filled("[name=password]", "wrong"), sent("form[method=post]"))
_WITHOUT_CATEGORY = steps(
    lambda s: s.page.locator("[name=category]").evaluate("select => { select.value = '' }"), sent("form[data-report]")
)

PUBLIC = Screen(
    "Signing in, and the public's pages",
    [
        Shot("sign-in", "empty", "", "/login/"),
        Shot("sign-in-wrong", "wrong password: says so, keeps the name", "", "/login/", do=_SIGN_IN, status=400),
        Shot("sign-in-phone", "phone", "", "/login/", PHONE),
        Shot("sign-in-en", "English", "", "/login/", language="en"),
        Shot("scan-phone", "QR code scanned", "", "{scan}", PHONE, whole=True),
        Shot(
            "scan-wrong-phone", "sent without a category or photo", "", "{scan}", PHONE, _WITHOUT_CATEGORY, whole=True
        ),
        Shot("scan-en-phone", "English", "", "{scan}", PHONE, language="en", whole=True),
        Shot("scan-unknown-phone", "no such code", "", "/c/unknown-code/", PHONE, status=404),
        Shot("link-running-phone", "reporter's link: in hand", "", "/r/{link_running}/", PHONE, whole=True),
        Shot(
            "link-closed-phone", "reporter's link: asked for his judgement", "", "/r/{link_closed}/", PHONE, whole=True
        ),
        Shot("link-closed", "the same at a desk", "", "/r/{link_closed}/"),
    ],
)

LEADER = Screen(
    "Grid leader and assessments",
    [
        Shot("today", "today first", "grid_leader", "/today/"),
        Shot("today-phone", "phone", "grid_leader", "/today/", PHONE),
        Shot("today-list-phone", "phone: what is overdue", "grid_leader", "/today/?show=over", PHONE),
        Shot("today-en", "English", "grid_leader", "/today/", language="en"),
        Shot("assessments", "the month, with one grid beside it", "grid_leader", "/assessments/"),
        Shot(
            "assessments-chosen",
            "some are chosen: what would happen",
            "grid_leader",
            "/assessments/",
            do=steps(clicked("[data-all]"), seen("[data-sentence]", "将确认")),
        ),
        Shot(
            "assessments-evidence",
            "the cases behind a number",
            "grid_leader",
            "/assessments/{assessment}/",
            do=opened("details[data-key]"),
        ),
        Shot(
            "assessments-wrong",
            "a mark without a reason",
            "grid_leader",
            "/assessments/{assessment}/",
            do=steps(
                filled("[data-mark]", "2"),
                clicked(".gg-abar .btn-primary"),
                seen("#reason-error"),
            ),
        ),
        Shot("assessments-phone", "phone", "grid_leader", "/assessments/", PHONE),
        Shot("assessment-phone", "phone: one grid", "grid_leader", "/assessments/{assessment}/", PHONE, whole=True),
        Shot("assessments-none", "no such month", "grid_leader", "/assessments/?month=2024-01"),
        Shot("assessments-en", "English", "grid_leader", "/assessments/", language="en"),
        Shot("assessments-mine-phone", "the worker's own", "grid_worker", "/assessments/mine/", PHONE),
        Shot("assessments-scheme", "how it is counted", "grid_leader", "/assessments/scheme/"),
    ],
)

DASHBOARD = Screen(
    "Dashboard and wall",
    [
        Shot("dashboard", "the city", "leader", "/dashboard/?span=month"),
        Shot("dashboard-whole", "the whole page", "leader", "/dashboard/?span=month", whole=True),
        Shot("dashboard-today", "today", "leader", "/dashboard/"),
        Shot("dashboard-district", "a district, by streets", "leader", "/dashboard/?area={district}&span=month"),
        Shot(
            "dashboard-cases",
            "the cases on the map",
            "leader",
            "/dashboard/?area={district}",
            do=steps(lambda s: s.page.locator(".gg-map-layers input").nth(1).check(), seen(".gg-map-mark")),
        ),
        Shot(
            "dashboard-defined",
            "what a figure means",
            "leader",
            "/dashboard/?span=month",
            do=hovered(".gg-rates .gg-define"),
        ),
        Shot(
            "dashboard-table",
            "the chart as a table",
            "leader",
            "/dashboard/?span=month",
            do=steps(opened(".gg-table-alt"), scrolled(".gg-dash-flow")),
        ),
        Shot(
            "dashboard-stale",
            "not refreshed: of when it is",
            "leader",
            "/dashboard/?span=month",
            do=steps(offline, clicked("[data-refresh]"), seen("[data-stale-note]")),
        ),
        Shot(
            "dashboard-map-failed",
            "the map cannot be had",
            "leader",
            "/dashboard/",
            do=steps(aborted(r"/map/areas/"), again, seen(".gg-map-state button")),
        ),
        Shot("dashboard-phone", "phone", "leader", "/dashboard/?span=month", PHONE, whole=True),
        Shot("dashboard-en", "English", "leader", "/dashboard/?span=month", language="en"),
        Shot("dashboard-1024", "small desk", "leader", "/dashboard/?span=month", SMALL),
        Shot("figure", "the cases behind a number", "leader", "/dashboard/figures/closing_on_time_ratio/?span=month"),
        Shot("figure-none", "no such figure", "leader", "/dashboard/figures/unknown/", status=404),
        Shot("case-then", "a case as it was then", "leader", "/dashboard/cases/{walked}/4/"),
        Shot("dashboard-forbidden", "not for this person", "department_handler", "/dashboard/", status=403),
        Shot("wall", "the wall", "leader", "/dashboard/?span=month&wall=1", WALL),
        Shot("wall-district", "the wall: a district", "leader", "/dashboard/?area={district}&wall=1", WALL),
        Shot(
            "wall-lost",
            "connection lost: of when it is",
            "leader",
            "/dashboard/?span=month&wall=1",
            WALL,
            steps(offline, fast_forward("00:35"), seen("[data-stale-note]")),
        ),
        Shot(
            "wall-dead",
            "no data for half an hour",
            "leader",
            "/dashboard/?span=month&wall=1",
            WALL,
            steps(offline, fast_forward("00:35"), fast_forward("31:00"), seen("[data-dead-note]")),
        ),
        Shot("wall-en", "English", "leader", "/dashboard/?span=month&wall=1", WALL, language="en"),
        Shot("wall-phone", "phone", "leader", "/dashboard/?span=month&wall=1", PHONE),
    ],
)

HOUSE = Screen(
    "Operations, administration, refusals",
    [
        Shot("ops", "what runs, and what waits", "duty_chief", "/ops/"),
        Shot("ops-phone", "phone", "duty_chief", "/ops/", PHONE),
        Shot("ops-en", "English", "duty_chief", "/ops/", language="en"),
        Shot("ops-forbidden", "not for this person", "verifier", "/ops/", status=403),
        Shot("admin", "administration", "system_admin", "/admin/"),
        Shot("admin-standards", "conditions for filing", "system_admin", "/admin/incidents/filingstandard/"),
        Shot("admin-category", "a category with its limits", "system_admin", "/admin/incidents/category/"),
        Shot("admin-routing", "who handles what", "system_admin", "/admin/dispatch/routingrule/"),
        Shot("admin-area", "areas", "system_admin", "/admin/grids/area/"),
        Shot("admin-people", "people", "security_admin", "/admin/personnel/worker/"),
        Shot("admin-audit", "who changed what", "audit_admin", "/admin/common/auditentry/"),
        Shot("admin-sign-in", "signing in there", "", "/admin/login/"),
        Shot("error-400", "a request that cannot be read", "acceptor", "/broken/unread/", status=400),
        Shot(
            "error-403-token",
            "form sent after the login changed",
            "acceptor",
            "/notices/",
            do=steps(lambda s: s.page.context.clear_cookies(name="csrftoken"), sent("form[action*=logout]")),
        ),
        Shot("error-409", "somebody was faster, without scripts", "acceptor", "/broken/overtaken/", status=409),
        Shot("error-404", "no such page", "acceptor", "/nowhere/", status=404),
        Shot("error-404-en-phone", "English, phone", "acceptor", "/nowhere/", PHONE, language="en", status=404),
        Shot("error-500", "a fault of ours", "acceptor", "/broken/", status=500),
    ],
)
