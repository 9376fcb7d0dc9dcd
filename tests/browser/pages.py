"""Every page of the site, by who opens it, in a city that has a case in every stage."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from dispatch import requests
from gridgov.common import clock
from grids.models import Component
from tests.worlds import World


@dataclass(frozen=True, slots=True)
class Stage:
    """What the paths are made of: case numbers by status, a reporter's token, a component's code, a grid."""

    numbers: Mapping[str, str]
    token: str
    code: str
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
        world.perform(number, "pass", "grid_worker", note="已恢复", attachments=[world.photo("grid_worker")])
        world.perform(number, "close", "duty_chief")
        numbers["closed"] = number
        lon, lat = world.point()
        lamp = Component.objects.create(
            root=world.root, code="6209010102000001", type_code="0102", name="路灯", lon=lon, lat=lat,
            area=world.areas["620901001001001"], address="西固中路 302 号",
        )  # fmt: skip
        return cls(numbers, world.case(number).reporter.token, lamp.qr_token, lamp.area_id)


#: login → the paths that it opens; the empty login is the public.
PAGES: Mapping[str, Callable[[Stage], list[str]]] = {
    "": lambda stage: ["/login/", f"/c/{stage.code}/", f"/r/{stage.token}/", "/nowhere/"],
    "security_admin": lambda stage: ["/security/", "/security/?text=受理", "/account/", "/account/factor/"],
    "audit_admin": lambda stage: ["/audit/", "/audit/?group=access&since=2020-01-01"],
    "acceptor": lambda stage: [
        "/work/accept/", "/work/accept/?category=0301", "/queue/accept/", "/queue/file/", "/report/", "/notices/",
        "/exports/",
        f"/cases/{stage.numbers['reported']}/", f"/cases/{stage.numbers['handled']}/",
        f"/cases/{stage.numbers['closed']}/",
        f"/cases/{stage.numbers['reported']}/compare/{stage.numbers['accepted']}/",
    ],
    "duty_chief": lambda stage: [
        "/work/file/", "/queue/file/", f"/cases/{stage.numbers['accepted']}/", "/ops/", "/ops/audit/",
        "/queue/approve/", "/rulings/", f"/rulings/{stage.numbers['filed']}/",
    ],
    "dispatcher": lambda stage: [
        "/work/dispatch/", "/queue/dispatch/", f"/cases/{stage.numbers['filed']}/",
        f"/cases/{stage.numbers['asked']}/", "/queue/approve/", "/appeals/",
    ],
    "supervisor": lambda stage: ["/work/supervise/", "/queue/supervise/", f"/cases/{stage.numbers['overdue']}/"],
    "verifier": lambda stage: ["/work/verify/", "/queue/verify/"],
    "department_handler": lambda stage: [
        "/inbox/", f"/inbox/{stage.numbers['handling']}/", f"/inbox/{stage.numbers['asked']}/", "/appeals/",
        f"/appeals/case/{stage.numbers['closed']}/", f"/cases/{stage.numbers['dispatched']}/",
        f"/cases/{stage.numbers['handling']}/",
    ],
    "grid_worker": lambda stage: ["/tasks/", "/report/", "/inbox/", "/assessments/mine/", "/assessments/scheme/"],
    # not the forms: Django's style sheet for them imports another, which the examination may not read under our policy
    "system_admin": lambda stage: [
        "/admin/", "/admin/grids/area/", f"/admin/grids/area/{stage.grid}/map/", "/admin/incidents/category/",
        "/admin/dispatch/routingrule/",
    ],
    "grid_leader": lambda stage: ["/today/", "/assessments/"],
    "leader": lambda stage: ["/dashboard/", "/dashboard/figures/open_cases/"],
    "system_admin": lambda stage: ["/ops/", "/ops/system/"],
}  # fmt: skip
