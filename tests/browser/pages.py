"""Every page of the site in the states that look different, by who opens it, in a city with a case in every stage."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from playwright.sync_api import Page, expect

from dispatch import appeals, requests
from gridgov.common import clock
from gridgov.common.models import User
from grids.models import Component
from incidents.models import DuplicateCandidate
from personnel import assessment_services
from tests.flows.journey import Quick
from tests.pages.test_rulings import returned_twice
from tests.reporting.assessed import FIRST, SECOND, THIRD, assess, lead_street
from tests.worlds import World


@dataclass(frozen=True, slots=True)
class Stage:
    """What the paths are made of: case numbers by status, ids of appeals and assessments, a token, a code."""

    numbers: Mapping[str, str]
    appeals: Mapping[str, int]
    rows: tuple[int, ...]
    evidence: str
    token: str
    code: str
    lamp: int
    grid: int

    @classmethod
    def of(cls, world: World) -> "Stage":
        now = clock.now()
        numbers = {"overdue": world.report(at=now - timedelta(days=10))}
        for status in ("reported", "accepted", "filed", "dispatched", "handling", "handled"):
            numbers[status] = world.report() if status == "reported" else world.carry(status)
        asked = world.carry("handling")
        requests.ask(number=asked, kind="extend", by=world.actor("department_handler"), reason="配件未到")
        numbers["asked"] = asked
        number = world.carry("handled", reporter_name="王女士", reporter_phone="13893122716")
        verifier = world.people["grid_worker"].pk
        world.perform(number, "request_verification", "acceptor", verifier=verifier)
        numbers["verifying"] = world.carry("handled")
        world.perform(numbers["verifying"], "request_verification", "acceptor", verifier=verifier)
        world.perform(number, "pass", "grid_worker", note="已恢复", attachments=[world.photo("grid_worker")])
        world.perform(number, "close", "duty_chief")
        numbers["closed"] = number
        numbers["returned"] = returned_twice(world)
        _twins(world, numbers["overdue"], numbers["reported"])
        rows = _assessments(world)
        User.objects.create_superuser("root", password="x")
        lon, lat = world.point()
        lamp = Component.objects.create(
            root=world.root, code="6209010102000001", type_code="0102", name="路灯", lon=lon, lat=lat,
            area=world.areas["620901001001001"], address="西固中路 302 号",
        )  # fmt: skip
        number, seq = rows[0].lines[0]["hits"][0]
        return cls(
            numbers=numbers,
            appeals=_appeals(world, numbers),
            rows=tuple(row.pk for row in rows),
            evidence=f"{number}/{seq}",
            token=world.case(numbers["closed"]).reporter.token,
            code=lamp.qr_token,
            lamp=lamp.pk,
            grid=lamp.area_id,
        )


def _twins(world: World, number: str, other: str) -> None:
    """The second may be the first: what a delivery would have found."""
    one, twin = world.case(number), world.case(other)
    DuplicateCandidate.objects.create(
        incident=one, other=twin, score=0.92, distance_m=0, gap_minutes=5, found_at=one.received_at
    )


def _appeals(world: World, numbers: dict[str, str]) -> dict[str, int]:
    """A late case that may still be appealed, and appeals that wait for the first, for the second, and for nobody."""
    found: dict[str, int] = {}
    for state in ("late", "asked", "forwarded", "granted"):
        case = Quick(world, at=clock.now() - timedelta(days=14)).to("handling")
        case.later(days=10).to("closed")
        numbers[f"appeal-{state}"] = case.number
        if state == "late":
            continue
        by = world.actor("department_handler")
        pk = found[state] = appeals.ask(number=case.number, by=by, reason="道路封闭，无法进场", at=case.at)
        for login in {"asked": (), "forwarded": ("dispatcher",), "granted": ("dispatcher", "acceptor")}[state]:
            appeals.decide(appeal_id=pk, grant=True, reason="情况属实", by=world.actor(login), at=case.at)
    return found


def _assessments(world: World) -> list:
    """October of three grids: replied to, reviewed, and computed alone."""
    lead_street(world)
    rows = assess(world, grids=[FIRST, SECOND, THIRD])
    leader, worker = world.people["grid_leader"], world.people["grid_worker"]
    for row in rows[:2]:
        assessment_services.review(assessment_id=row.pk, by=leader, mark="1.5", reason="封路属实")
    assessment_services.reply(assessment_id=rows[0].pk, by=worker, text="没有意见")
    return rows


@dataclass(frozen=True, slots=True)
class Visit:
    """A page in one of its states. ``then``: what is done on it before it is looked at, first ``at_a_desk`` where a
    phone has no such thing.
    """

    path: str
    status: int = 200
    then: Callable[[Page], None] | None = None
    says: str = ""
    at_a_desk: bool = False

    @property
    def name(self) -> str:
        return f"{self.path} {self.says}".rstrip()


def _pressed(*keys: str, opens: str = "dialog[open]") -> Callable[[Page], None]:
    def step(page: Page) -> None:
        expect(page.locator("[data-panel]")).to_be_visible()
        for key in keys:
            page.keyboard.press(key)
        expect(page.locator(opens).first).to_be_visible()

    return step


def _clicked(selector: str, opens: str) -> Callable[[Page], None]:
    def step(page: Page) -> None:
        page.locator(selector).first.click()
        expect(page.locator(opens).first).to_be_visible()

    return step


def _sent_empty(form: str) -> Callable[[Page], None]:
    """The form is sent as it is and comes back with what is wrong; the browser's own checks are out of the way."""

    def step(page: Page) -> None:
        page.locator(form).evaluate("form => { form.noValidate = true; form.requestSubmit() }")
        expect(page.locator(".gg-field-error, .gg-note-over").first).to_be_attached()

    return step


def _without_category(page: Page) -> None:
    page.locator("[name=category]").evaluate("select => { select.value = '' }")
    _sent_empty("form[data-report]")(page)


def _every_fold_open(page: Page) -> None:
    page.evaluate("for (const fold of document.querySelectorAll('main details')) fold.open = true")


def _cut_off(page: Page) -> None:
    page.context.set_offline(True)
    expect(page.locator("[data-live-detail]")).not_to_be_empty()


def _stale(page: Page) -> None:
    """A refresh fails: what stands is marked, and says of when it is."""
    page.route("**/asked-by-nobody/", lambda route: route.abort())  # as ``intercepted`` of conftest
    page.reload()
    page.route("**/dashboard/**", lambda route: route.abort())
    page.locator("[data-refresh]").click()
    expect(page.locator("[data-stale-note]")).to_be_visible()


def _without_token(page: Page) -> None:
    """A form is sent after the cookies are gone."""
    page.context.clear_cookies(name="csrftoken")
    with page.expect_navigation() as answered:
        page.locator("form[method=post]").first.evaluate("form => form.submit()")
    assert answered.value.status == 403


#: login → what he opens; the empty login is the public, ``root`` the superuser.
def visits(stage: Stage) -> Mapping[str, list[Visit]]:
    at = stage.numbers
    case = {status: f"/cases/{number}/" for status, number in at.items()}
    return {
        "": [
            Visit("/login/"),
            Visit("/login/", then=_sent_empty("form:has([name=password])"), says="sent empty"),
            Visit(f"/c/{stage.code}/"),
            Visit(f"/c/{stage.code}/", then=_without_category, says="sent without a category"),
            Visit("/c/unknown-code/", status=404),
            Visit(f"/r/{stage.token}/"),
            Visit("/r/unknown-token/", status=404),
            Visit("/nowhere/", status=404),
            Visit("/admin/login/"),
        ],
        "acceptor": [
            Visit("/work/accept/"),
            Visit("/work/accept/", then=_pressed("?"), says="keys", at_a_desk=True),
            Visit("/work/accept/", then=_pressed("/"), says="command line", at_a_desk=True),
            Visit("/work/accept/", then=_pressed("m"), says="compare", at_a_desk=True),
            Visit("/work/accept/", then=_pressed("n", opens="#act-note[open] form"), says="note", at_a_desk=True),
            Visit("/work/accept/", then=_clicked("[data-pick]", "[data-bulk-bar]"), says="many at once"),
            Visit("/work/accept/", then=_clicked(".gg-views summary", ".gg-views[open] form"), says="views"),
            Visit("/work/accept/", then=_cut_off, says="cut off"),
            Visit("/work/accept/?category=0301", says="empty"),
            Visit("/find/?text=bllj"),
            Visit("/find/?text=zzzz", 404, says="nothing found"),
            Visit("/queue/accept/"),
            Visit("/queue/accept/?category=0301", says="empty"),
            Visit("/report/"),
            Visit("/report/", then=_sent_empty("main form"), says="sent empty"),
            Visit("/notices/", says="empty"),
            Visit(case["reported"]),
            Visit(case["reported"], then=_every_fold_open, says="everything open"),
            Visit(case["handled"], then=_every_fold_open, says="everything open"),
            Visit(case["closed"]),
            Visit(f"/cases/{at['reported']}/compare/{at['accepted']}/"),
            Visit("/exports/"),
            Visit("/appeals/"),
            Visit(f"/appeals/{stage.appeals['forwarded']}/"),
            Visit("/ops/", status=403),
            Visit("/cases/62010000000000000000/", status=404),
            Visit("/notices/", then=_without_token, says="without its token"),
        ],
        "duty_chief": [
            Visit("/work/file/"),
            Visit("/queue/file/"),
            Visit(case["accepted"], then=_every_fold_open, says="everything open"),
            Visit("/ops/"),
            Visit("/ops/", then=_every_fold_open, says="everything open"),
            Visit("/ops/audit/"),
            Visit("/queue/approve/"),
            Visit("/rulings/"),
            Visit(f"/rulings/{at['returned']}/", says="form open"),
            Visit(f"/rulings/{at['returned']}/", then=_sent_empty("main form"), says="sent empty"),
            Visit(f"/rulings/{at['filed']}/", says="nothing to rule"),
        ],
        "dispatcher": [
            Visit("/work/dispatch/"),
            Visit("/queue/dispatch/"),
            Visit(case["filed"], then=_every_fold_open, says="everything open"),
            Visit(case["asked"], then=_every_fold_open, says="everything open"),
            Visit("/queue/approve/"),
            Visit("/appeals/"),
            Visit(f"/appeals/{stage.appeals['asked']}/", says="to be decided"),
            Visit(f"/appeals/{stage.appeals['granted']}/", says="decided"),
        ],
        "supervisor": [
            Visit("/work/supervise/"),
            Visit("/queue/supervise/"),
            Visit(case["overdue"], then=_every_fold_open, says="everything open"),
        ],
        "verifier": [Visit("/work/verify/"), Visit("/queue/verify/")],
        "department_handler": [
            Visit("/inbox/"),
            Visit("/inbox/?tab=returned"),
            Visit(f"/inbox/{at['handling']}/"),
            Visit(f"/inbox/{at['handling']}/", then=_every_fold_open, says="everything open"),
            Visit(f"/inbox/{at['asked']}/"),
            Visit("/appeals/"),
            Visit(f"/appeals/case/{at['appeal-late']}/", says="form open"),
            Visit(f"/appeals/case/{at['appeal-late']}/", then=_sent_empty("main form"), says="sent empty"),
            Visit(f"/appeals/case/{at['appeal-granted']}/", says="decided"),
            Visit(f"/appeals/case/{at['closed']}/", says="too late"),
            Visit(case["dispatched"]),
            Visit(case["handling"], then=_every_fold_open, says="everything open"),
        ],
        "grid_worker": [
            Visit("/tasks/"),
            Visit("/report/"),
            Visit("/inbox/"),
            Visit(case["verifying"], then=_every_fold_open, says="everything open"),
            Visit("/assessments/mine/"),
            Visit("/assessments/scheme/"),
            Visit(f"/assessments/{stage.rows[0]}/", says="own"),
        ],
        "grid_leader": [
            Visit("/today/"),
            Visit("/today/?show=open"),
            Visit("/assessments/?month=2026-10"),
            Visit("/assessments/?month=2026-10&tab=published", says="empty tab"),
            Visit("/assessments/?month=2025-01", says="no such month"),
            Visit(f"/assessments/{stage.rows[0]}/", says="replied"),
            Visit(f"/assessments/{stage.rows[2]}/", says="to be confirmed"),
            Visit(f"/assessments/{stage.rows[0]}/evidence/{stage.evidence}/"),
            Visit("/notices/"),
        ],
        "leader": [
            Visit("/dashboard/"),
            Visit("/dashboard/?span=month"),
            Visit("/dashboard/", then=_stale, says="not refreshed"),
            Visit("/dashboard/", then=_every_fold_open, says="as a table"),
            Visit("/dashboard/?wall=1"),
            Visit("/dashboard/figures/open_cases/"),
            Visit("/dashboard/figures/closing_on_time_ratio/"),
            Visit(f"/dashboard/cases/{at['closed']}/3/"),
        ],
        "security_admin": [
            Visit("/security/"),
            Visit("/security/?text=acceptor", says="found"),
            Visit("/account/"),
            Visit("/account/factor/"),
        ],
        "audit_admin": [Visit("/audit/"), Visit("/audit/?group=access&since=2020-01-01", says="chosen")],
        "system_admin": [
            Visit("/ops/system/"),
            Visit("/admin/"),
            Visit("/admin/grids/area/"),
            Visit(f"/admin/grids/area/{stage.grid}/map/"),
            Visit("/admin/grids/component/"),
            Visit(f"/admin/grids/component/{stage.lamp}/change/"),
            Visit(f"/admin/grids/component/plates/?ids={stage.lamp}"),
            Visit("/admin/incidents/category/"),
            Visit("/admin/dispatch/routingrule/"),
        ],
        "nobody": [Visit("/notices/", says="empty"), Visit("/dashboard/", status=403)],
        "root": [
            Visit("/admin/"),
            Visit("/admin/incidents/category/"),
            Visit("/admin/incidents/filingstandard/"),
            Visit("/admin/incidents/filingstandard/add/"),
            Visit("/admin/incidents/ladder/"),
            Visit("/admin/dispatch/routingrule/add/"),
            Visit("/admin/personnel/worker/"),
            Visit("/admin/personnel/posting/add/"),
            Visit("/admin/grids/area/"),
            Visit("/admin/common/auditentry/"),
        ],
    }


#: In the order in which they are looked at.
LOGINS = (
    "acceptor", "leader", "department_handler", "duty_chief", "dispatcher", "grid_leader", "supervisor", "grid_worker",
    "verifier", "root", "", "system_admin", "security_admin", "audit_admin", "nobody",
)  # fmt: skip
