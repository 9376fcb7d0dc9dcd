"""A case in every status, and a payload for every action, for tests that go through the whole table."""

from datetime import timedelta
from typing import Any

from incidents.workflow import Action, Status, find
from personnel.roles import Role
from personnel.services import hire, post
from tests.flows.journey import Quick
from tests.worlds import SINCE, World

#: The one who stands for the role and did nothing to the case before.
LOGINS = {role.value: role.value for role in Role} | {
    "acceptor": "acceptor_2", "duty_chief": "duty_chief_2", "dispatcher": "dispatcher_2", "verifier": "verifier_2",
    "department_handler": "department_handler_b", "department_head": "department_head_joint",
    "grid_worker": "grid_worker_x", "the_checker": "checker_x", "the_verifier": "verifier_x",
    "the_handler": "department_handler_2", "the_worker": "grid_worker",
}  # fmt: skip


def cases_in_every_status(world: World) -> dict[tuple[Status, bool], str]:
    """A case in each status, with a lead ticket and without where both happen."""
    for login in ("grid_worker_x", "checker_x", "verifier_x"):
        worker = hire(login=login, name=login, number=f"X-{login}", phone="")
        post(worker=worker, role="grid_worker", starts_on=SINCE, area=world.areas["620901001001001"])
        world.people[login] = worker.user
    checker, verifier = world.people["checker_x"].pk, world.people["verifier_x"].pk
    found: dict[tuple[Status, bool], str] = {}

    def new() -> Quick:
        return Quick(world, by="grid_worker", source="worker")

    def keep(case: Quick, *, ticket: bool) -> None:
        found[Status(case.status), ticket] = case.number

    keep(new(), ticket=False)
    for status in ("accepted", "filed", "dispatched", "handling", "handled"):
        keep(new().to(status), ticket=status not in ("accepted", "filed"))  # type: ignore[arg-type]
    case = new()
    case.do("request_check", "acceptor", checker=checker)
    keep(case, ticket=False)
    case = new().to("handling")
    case.decide(case.ask("suspend", "department_handler", until=case.at + timedelta(days=10)), "duty_chief")
    keep(case, ticket=True)
    for last in ("verifying", "verified", "closed", "evaluated"):
        case = new().to("handled")
        case.do("request_verification", "acceptor", verifier=verifier)
        if last != "verifying":
            case.do("pass", "verifier_x", 1, note="属实")
        if last in ("closed", "evaluated"):
            case.do("close", "duty_chief")
        if last == "evaluated":
            case.do("evaluate", "acceptor", result="satisfied")
        keep(case, ticket=True)
    for last in ("handled", "verifying", "closed"):
        case = new()
        case.do("resolve_on_site", "grid_worker", 2, note="当场清走")
        if last == "verifying":
            case.do("request_verification", "acceptor", verifier=verifier)
        if last == "closed":
            case.do("approve_on_site", "acceptor")
        keep(case, ticket=False)
    case = new()
    case.do("reject", "acceptor", reason="outside", note="不属本区")
    keep(case, ticket=False)
    case = new().to("accepted")
    case.do("decline", "duty_chief", reason="outside", note="不属本区")
    keep(case, ticket=False)
    case = new()
    case.decide(case.ask("void", "acceptor"), "duty_chief")
    keep(case, ticket=False)
    case = new()
    case.do("merge", "acceptor", into=found[Status.HANDLED, True])
    keep(case, ticket=False)
    return found


def payload_for(world: World, action: Action, status: Status, by: str, into: str) -> dict[str, Any]:
    line = find(action, status)
    values = {
        "reason": "outside", "note": "已看过", "standard": "0201-1", "lead": world.lead("ZJ"), "into": into,
        "checker": world.people["checker_x"].pk, "target": world.areas["620901001"].pk, "result": "satisfied",
        "milestone": "stop", "until": None,
    }  # fmt: skip
    given = {name: values.get(name) for name in (line.requires if line else ())}
    if "attachments" in given or action is Action.FEED_BACK:
        given["attachments"] = [world.photo(by), world.photo(by)]
    if action is Action.AMEND:
        given["description"] = "补充说明"
    return given
