"""What the permission matrix asks for: a case of 甲区 and one of 乙区, with everything that an address may name."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from axes.models import AccessAttempt
from django.test import Client

from dispatch import appeals, canned_texts, drafts, media_links, requests, saved_views
from dispatch.models import Appeal, Notice, NoticeDelivery, Ticket
from gridgov.accounts import lockouts, sessions
from gridgov.common import clock
from grids.models import Component
from incidents.models import Clock, Incident, JournalEntry
from personnel import assessment_services
from reporting import exports
from reporting.models import Export
from tests.dispatch.test_appeals import late_case
from tests.reporting.assessed import assess
from tests.worlds import World

IN, OUT = "inside", "outside"
#: Who carries the case of each place, and whose it becomes.
DESKS = {
    IN: ("acceptor", "duty_chief", "dispatcher", "department_handler", "CG-SZ", "CG-SR", "620901001001001"),
    OUT: ("acceptor_b", "duty_chief_b", "dispatcher_b", "department_handler_b", "SW", "ZJ", "620902001001001"),
}
#: One person a role, all of 甲区 or above it, somebody without a role, and nobody.
ASKERS: tuple[str | None, ...] = (
    "acceptor", "duty_chief", "dispatcher", "supervisor", "verifier", "department_handler", "department_head",
    "grid_leader", "grid_worker", "leader", "system_admin", "security_admin", "audit_admin", "nobody", None,
)  # fmt: skip


@dataclass
class Scene:
    """The world with both cases; ``of[place]`` has what an address of that place names."""

    world: World
    of: dict[str, dict[str, Any]] = field(default_factory=dict)
    clients: dict[str | None, Client] = field(default_factory=dict)


def make_scene(world: World) -> Scene:
    """Everybody is signed in; both places have the same things."""
    scene = Scene(world)
    for login in ASKERS:
        client = scene.clients[login] = Client(raise_request_exception=False)
        if login is not None:
            client.force_login(world.people[login])
    shared = _shared(world, scene)
    rows = assess(world)
    for place, row in ((IN, rows[0]), (OUT, rows[-1])):
        scene.of[place] = shared | _case(world, place) | _assessment(row)
    scene.of[IN]["appeal"] = _appeal(world)
    scene.of[OUT]["appeal"] = _foreign_appeal(scene)
    return scene


def _case(world: World, place: str) -> dict[str, Any]:
    acceptor, chief, dispatcher, handler, lead, joint, grid = DESKS[place]
    photo = world.photo(acceptor)
    given = {"by": acceptor, "grid": grid, "reporter_name": "张先生", "reporter_phone": "13800002716"}
    number, other = world.report(**given, attachments=(photo,)), world.report(by=acceptor, grid=grid)
    for case in (number, other):
        world.perform(case, "accept", acceptor)
    world.perform(number, "file", chief, standard="0201-1")
    world.perform(number, "dispatch", dispatcher, lead=world.lead(lead), joint=[world.lead(joint)])
    world.perform(number, "sign", handler)
    asked = requests.ask(number=number, kind="return", by=world.actor(handler), reason="不属本部门")
    case = world.case(number)
    tickets = Ticket.objects.filter(incident=case)
    notice = Notice.objects.filter(incident=case).first() or Notice.objects.create(
        user=world.people[acceptor], topic="test", text="", created_at=clock.now(), incident=case
    )
    delivery = NoticeDelivery.objects.filter(notice__incident=case).first() or NoticeDelivery.objects.create(
        notice=notice, channel="test"
    )
    NoticeDelivery.objects.filter(pk=delivery.pk).update(state="failed")
    entry = JournalEntry.objects.filter(incident=case).latest("seq")
    JournalEntry.objects.filter(pk=entry.pk).update(parked_at=clock.now())
    lon, lat = world.point(grid)
    component = Component.objects.create(
        root=world.root, code=f"{grid[:6]}0102000001", type_code="0102", name="路灯", lon=lon, lat=lat,
        area=world.areas[grid],
    )  # fmt: skip
    return {
        "number": number, "accepted": other, "version": case.version, "other_version": world.case(other).version,
        "attachment": photo, "request": asked, "joint": tickets.get(is_lead=False).pk,
        "clock": Clock.objects.filter(incident=case, kind="handle").latest("pk").pk, "entry": entry.pk,
        "delivery": delivery.pk, "token": case.reporter.token, "component": component.qr_token, "plate": component.pk,
        "area": world.areas["620901" if place == IN else "620902"].pk, "seq": 1, "lon": lon, "lat": lat,
        "signed": media_links.make(attachment_id=photo, by=world.actor(acceptor)).signed,
    }  # fmt: skip


def _assessment(row: Any) -> dict[str, Any]:
    number, seq = row.lines[0]["hits"][0]
    return {
        "assessment": row.pk, "proof": number, "proof_seq": seq, "month": f"{row.month.on:%Y-%m}",
        "revision": assessment_services.revision_of(row),
    }  # fmt: skip


def _appeal(world: World) -> int:
    case = late_case(world)
    return appeals.ask(number=case.number, by=world.actor("department_handler"), reason="道路封闭", at=case.at)


def _foreign_appeal(scene: Scene) -> int:
    """The appeal of a case of 乙区: what decides is where the case lies, so that one is moved there."""
    mine = Appeal.objects.get(pk=scene.of[IN]["appeal"])
    there = Incident.objects.get(number=scene.of[OUT]["number"])
    ticket = Ticket.objects.get(incident=there, is_lead=True)
    made = Appeal(
        incident=there, ticket=ticket, reason=mine.reason, asked_at=mine.asked_at, state=mine.state,
        asked_by=scene.world.people["department_handler_b"],
    )  # fmt: skip
    made.save()
    return made.pk


def _shared(world: World, scene: Scene) -> dict[str, Any]:
    """What belongs to a person and lies nowhere: of 受理甲, but where said."""
    owner = world.actor("acceptor")
    drafts.save(by=owner, key="report", content={"description": "草稿"})
    view = saved_views.save(by=owner, desk="accept", name="我的", query={}, area_id=None, role="", position=0)
    text = canned_texts.save_own(by=owner, given={"stage": "accept", "title": "常用", "text": "已收到"})
    notice = Notice.objects.create(
        user=world.people["acceptor"], topic="test", text="通知", created_at=clock.now() - timedelta(days=1)
    )
    done, waiting = (
        exports.start(
            by=owner, user=world.people["acceptor"], kind="cases", form="csv", title="案件",
            query={"from": "2026-01-01T00:00:00+08:00", "until": "2026-02-01T00:00:00+08:00"},
        )
        for _number in range(2)
    )  # fmt: skip
    while Export.objects.get(pk=done.pk).state in Export.UNFINISHED:
        exports.run_slice()
    session = sessions.open_sessions(users=[world.people["acceptor"].pk]).get()
    AccessAttempt.objects.create(
        username="acceptor_b", ip_address="10.0.0.9", user_agent="x", failures_since_start=99, http_accept="",
        path_info="/login/", get_data="", post_data="",
    )  # fmt: skip
    return {
        "export": done.pk, "waiting_export": waiting.pk,
        "view": view.pk, "text": text.pk, "notice": notice.pk, "session": session.public_id,
        "lockout": lockouts.current()[0].key, "somebody": world.people["supervisor_b"].pk, "draft": "report",
    }  # fmt: skip
