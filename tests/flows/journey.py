"""A case on its way through the loop, with time moving: what the flow tests are written in."""

from datetime import datetime, timedelta
from typing import Any

from dispatch import loop, requests
from dispatch.actors import SYSTEM, actor_by_link
from dispatch.models import Request, Ticket
from incidents.models import Clock, Incident, JournalEntry
from tests.common.calendars import local
from tests.dispatch.audit import audit
from tests.worlds import World

#: A Tuesday in a week without a holiday.
START = local("2026-03-10 09:00")


class Journey:
    """One case. Each step happens ``self.at``; :meth:`later` moves it. The case is audited after each step."""

    def look(self) -> Incident:
        return audit(self.number)

    def __init__(self, world: World, *, by: str = "acceptor", at: datetime = START, **values: Any) -> None:
        self.world, self.at = world, at
        actor = SYSTEM if by == "system" else world.actor(by)
        received = loop.report(body=world.body(**values), by=actor, at=at)
        self.number, self.token = received.number, received.token
        self.case = self.look()

    def later(self, **span: float) -> "Journey":
        self.at += timedelta(**span)
        return self

    def do(self, action: str, by: str, photos: int = 0, **payload: Any) -> Any:
        """The action by a login, by ``system`` or by the reporter's ``link``; with so many fresh photos."""
        actor = SYSTEM if by == "system" else actor_by_link(self.token) if by == "link" else self.world.actor(by)
        if photos:
            payload["attachments"] = [self.world.photo(by) for _ in range(photos)]
        outcome = loop.perform(number=self.number, action=action, by=actor, at=self.at, **payload)
        self.case = self.look()
        return outcome

    def ask(self, kind: str, by: str, reason: str = "需要", **more: Any) -> int:
        pk = requests.ask(number=self.number, kind=kind, by=self.world.actor(by), reason=reason, at=self.at, **more)
        self.case = self.look()
        return pk

    def decide(self, pk: int, by: str, grant: bool = True, reason: str = "已核") -> Any:
        outcome = requests.decide(request_id=pk, grant=grant, reason=reason, by=self.world.actor(by), at=self.at)
        self.case = self.look()
        return outcome

    def to(
        self, status: str, *, standard: str = "0201-1", lead: str = "CG-SZ", joint: tuple[str, ...] = ()
    ) -> "Journey":
        """On by the plain way to ``status``, a minute a step; closed by a duty chief who decided nothing."""
        last = "department_handler"
        steps = {
            "accepted": ("reported", "accept", "acceptor", 0, {}),
            "filed": ("accepted", "file", "duty_chief", 0, {"standard": standard}),
            "dispatched": (
                "filed", "dispatch", "dispatcher", 0,
                {"lead": self.world.lead(lead), "joint": [self.world.lead(code) for code in joint]},
            ),
            "handling": ("dispatched", "sign", last, 0, {}),
            "handled": ("handling", "feed_back", last, 1, {"note": "已清理"}),
            "verifying": ("handled", "request_verification", "acceptor", 0, {}),
            "verified": ("verifying", "pass", "verifier", 1, {"note": "属实"}),
            "closed": ("verified", "close", "duty_chief_2", 0, {}),
        }  # fmt: skip
        for source, action, by, photos, payload in steps.values():
            if self.case.status == status:
                break
            if self.case.status == source:
                self.later(minutes=1).do(action, by, photos, **payload)
        assert self.case.status == status
        return self

    # --- looking --------------------------------------------------------------------------------------------------

    @property
    def status(self) -> str:
        return Incident.objects.values_list("status", flat=True).get(number=self.number)

    def clock(self, kind: str, cycle: int | None = None) -> Clock:
        """The clock's last cycle, or the one asked for."""
        found = Clock.objects.filter(incident=self.case, kind=kind)
        return found.get(cycle=cycle) if cycle else found.latest("cycle")

    def tickets(self, **wanted: Any) -> list[Ticket]:
        return list(Ticket.objects.filter(incident=self.case, **wanted).order_by("id"))

    def request(self, pk: int) -> Request:
        return Request.objects.get(pk=pk)

    def journal(self) -> list[str]:
        """What happened, in order."""
        return list(JournalEntry.objects.filter(incident=self.case).order_by("seq").values_list("action", flat=True))

    def entry(self, action: str) -> JournalEntry:
        """The last entry of that name."""
        return JournalEntry.objects.filter(incident=self.case, action=action).latest("seq")


class Quick(Journey):
    """Without the audit after each step."""

    def look(self) -> Incident:
        return Incident.objects.get(number=self.number)
