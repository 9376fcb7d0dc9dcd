"""The city that is photographed: the demo of a fixed morning, seeded and served by a process of its own.

    python -m scripts.screens_city PORT FOLDER

The demo in ``FOLDER`` ends at :data:`MORNING`, and that is the time from then on; it passes slowly, so that pictures
taken minutes apart say the same. States that chance has not made are made by the services. ``FOLDER/facts.json`` names
the cases, people and addresses that the pictures are of; it is there once the city may be asked.
"""

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.utils import timezone

if not apps.ready:
    os.environ["DJANGO_SETTINGS_MODULE"] = "gridgov.settings"
    os.environ |= {"GRIDGOV_DATA_DIR": str(Path(sys.argv[2]).resolve()), "DATABASE_URL": "", "REDIS_URL": ""}
    django.setup()

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.management import call_command
from django.db.models.functions import Now
from django.test import Client
from django.urls import path, reverse

from dispatch import appeals, canned_texts, loop, requests, saved_views
from dispatch.actors import actor_of
from dispatch.views.shell import refused
from gridgov import urls
from gridgov.common.errors import Conflict
from gridgov.common.models import User
from gridgov.management.commands.seed_demo import PASSWORD
from gridgov.management.seeding import SINCE
from grids.models import Area, Component
from incidents.models import DuplicateCandidate, Incident
from incidents.services.report import Report
from personnel.assessment_models import Assessment
from personnel.models import Posting
from personnel.services import hire, post

#: A Tuesday on which everybody works, in the middle of the morning.
MORNING = datetime.fromisoformat("2026-11-24T10:20:00+08:00").astimezone(UTC)
#: Seconds that pass here in one second of the city.
SLOWNESS = 60
#: The district whose desks are photographed.
DISTRICT = "620104"
#: Whose pages are photographed.
ACCOUNTS = (
    "acceptor", "acceptor_2", "duty_chief", "duty_chief_city", "dispatcher", "supervisor", "verifier", "grid_worker",
    "grid_leader", "department_handler", "leader", "system_admin", "security_admin", "audit_admin",
)  # fmt: skip
#: Category, words and place of what the hotline took this morning.
CALLS = (
    ("C0118", "西固中路公交站旁路灯不亮，已有两晚", 103.64547, 36.06713),
    ("C0118", "西固中路公交站旁的路灯坏了", 103.64570, 36.06720),
    ("C0101", "福利东路人行道井盖松动，踩上去会响", 103.64430, 36.06650),
    ("C0118", "小区北门外路灯时亮时灭", 103.64610, 36.06780),
    ("C0101", "学校门口井盖边沿破损", 103.64390, 36.06700),
    ("C0118", "广场东侧两盏路灯不亮", 103.64650, 36.06690),
    ("C0118", "菜市场南口路灯灯罩脱落", 103.64560, 36.06640),
)


def set_clock() -> None:
    """It is the morning for all that ask: Django's clock, which is the project's only source, and the database's."""
    began = time.monotonic()

    def now() -> datetime:
        return MORNING + timedelta(seconds=(time.monotonic() - began) / SLOWNESS)

    def as_sqlite(*_args: Any, **_more: Any) -> tuple[str, list[str]]:
        return f"'{now():%Y-%m-%d %H:%M:%S.%f}'", []

    timezone.now = now
    Now.as_sqlite = as_sqlite


def break_page(_request: Any) -> Any:
    """What a fault of ours looks like is seen at an address that only this process has."""
    raise RuntimeError("broken on purpose")


def unread(_request: Any) -> Any:
    raise SuspiciousOperation


def overtaken(request: Any) -> Any:
    return refused(request, Conflict(""))


def _session(user: User) -> str:
    """The cookie of somebody who has just signed in."""
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


class Facts:
    """Finds, or makes, what the pictures are of."""

    def __init__(self) -> None:
        self._district = Incident.objects.filter(holder__code=DISTRICT, is_confidential=False)

    def all(self) -> dict[str, Any]:
        """Everything that the pictures name, by the name that stands in braces there."""
        self._texts_and_views()
        self._calls()
        district = Area.objects.get(code=DISTRICT, valid_to=None)
        colleague = hire(login="acceptor_2", name="杨丽华", number="XG-0902", phone="13900000902", password=PASSWORD)
        post(worker=colleague, role="acceptor", area=district, starts_on=SINCE)
        waiting = list(self._district.filter(status="reported").order_by("due_at").values_list("number", flat=True)[:9])
        twin = DuplicateCandidate.objects.filter(incident__in=self._district.filter(status="reported"))
        pair = twin.order_by("-score").values_list("incident__number", "other__number").first()
        lamp = Component.objects.filter(type_code="0118").order_by("code", "pk")[0]
        rows = Assessment.objects.filter(grid__code__startswith="620104001", state="computed").order_by("grid__code")
        return {
            "waiting": waiting,
            "reported": next(number for number in waiting if not pair or number not in pair),
            "handling": self._of_the_department(),
            "twin": pair[0] if pair else None,
            "twin_of": pair[1] if pair else None,
            "link_running": self._link("handling"),
            "link_closed": self._link("closed"),
            "scan": reverse("pages:scan", args=[lamp.qr_token]),
            "returned": self._returned_twice(),
            "assessment": rows.values_list("pk", flat=True)[0],
            "district": district.pk,
            "morning": MORNING.isoformat(),
            "sessions": {user.username: _session(user) for user in User.objects.filter(username__in=ACCOUNTS)},
            **self._appeals(),
        }

    def _calls(self) -> None:
        """What the hotline took this morning, with one call about what another had told already."""
        by = self._by("acceptor")
        made = []
        for minutes, (category, words, lon, lat) in enumerate(CALLS):
            body = Report(
                source="hotline", category=category, description=words, address=words[:12], lon=lon, lat=lat,
                reporter_name="王女士", reporter_phone=f"1390000{1200 + minutes}",
            )  # fmt: skip
            at = MORNING - timedelta(minutes=4 * minutes + 1)
            made.append(loop.report(body=body, by=by, at=at).number)
        for number in made[-2:]:
            loop.perform(number=number, action="accept", by=by)
            loop.perform(number=number, action="file", by=self._by("duty_chief"), standard="C0118-2")
        first, second = (Incident.objects.get(number=number) for number in made[:2])
        DuplicateCandidate.objects.create(
            incident=first, other=second, score=0.91, distance_m=22, gap_minutes=4, found_at=MORNING
        )

    def _by(self, login: str) -> Any:
        return actor_of(User.objects.get(username=login), channel="desk")

    def _link(self, status: str) -> str | None:
        found = self._district.filter(status=status, reporter__isnull=False).order_by("-received_at")
        return found.values_list("reporter__token", flat=True).first()

    def _of_the_department(self) -> str | None:
        """A case that the photographed department has signed."""
        own = self._district.filter(
            status="handling", tickets__is_lead=True, tickets__state="signed",
            tickets__department__in=self._by("department_handler").department_ids,
        )  # fmt: skip
        return own.order_by("due_at").values_list("number", flat=True).first()

    def _texts_and_views(self) -> None:
        by = self._by("acceptor")
        saved_views.save(by=by, desk="accept", name="只看已超", query={"overdue": "1"})
        given = {"stage": "accept", "action": "", "title": "已回拨", "text": "已回拨上报人，编号{编号}。"}
        canned_texts.save_own(by=by, given=given)

    def _returned_twice(self) -> str | None:
        """A case that two departments give back now, so that the duty chief rules."""
        number = self._district.filter(status="filed").order_by("-received_at").values_list("number", flat=True).first()
        if number is None:
            return None
        dispatcher, chief = self._by("dispatcher"), self._by("duty_chief")
        for code, decider in (("XG-CG-SZ", dispatcher), ("XG-ZJ", chief)):
            held = Posting.objects.filter(role="department_handler", department__code__startswith=code)
            posting = held.select_related("worker__user").order_by("pk")[0]
            handler, department = posting.worker.user, posting.department_id
            loop.perform(number=number, action="dispatch", by=dispatcher, lead={"department": department})
            by = actor_of(handler, channel="desk")
            reason = "现场查看，产权不属本单位，附权属图。"
            pk = requests.ask(number=number, kind="return", by=by, reason=reason)
            requests.decide(request_id=pk, grant=True, reason="情况属实", by=decider)
        return number

    def _appeals(self) -> dict[str, Any]:
        """A late case that the photographed department may appeal, and of others an appeal at each step."""
        late = Incident.objects.filter(
            holder__code=DISTRICT, status__in=("closed", "evaluated"), closed_at__gte=MORNING - timedelta(days=14),
            clocks__kind="handle", clocks__state="late", tickets__is_lead=True, tickets__state="done",
        ).order_by("-closed_at")  # fmt: skip
        rows = list(late.values_list("number", "tickets__department").distinct())
        own = self._by("department_handler").department_ids
        found: dict[str, Any] = {"appeal_late": next((number for number, held in rows if held in own), None)}
        waiting = [row for row in rows if row[0] != found["appeal_late"]]
        for (number, department), state in zip(waiting, ("asked", "granted"), strict=False):
            held = Posting.objects.filter(role="department_handler", department=department).order_by("pk")
            by = actor_of(held.select_related("worker__user")[0].worker.user, channel="desk")
            pk = appeals.ask(number=number, by=by, reason="当日道路封闭，抢修车无法进场，附封路通告。")
            for login in {"asked": (), "granted": ("dispatcher", "acceptor")}[state]:
                appeals.decide(appeal_id=pk, grant=True, reason="封路属实", by=self._by(login))
            found[f"appeal_{state}"] = pk
        return found


def main(port: str, folder: str) -> None:
    """Seeds, unless that was done, and serves until it is told to stop."""
    set_clock()
    urls.urlpatterns += [
        path("broken/", break_page), path("broken/unread/", unread), path("broken/overtaken/", overtaken),
    ]  # fmt: skip
    call_command("migrate", verbosity=0)
    call_command("seed_demo", until=MORNING, verbosity=0)
    known = Path(folder) / "facts.json"
    if not known.exists():
        known.write_text(json.dumps(Facts().all(), ensure_ascii=False, indent=1), "utf-8")
    call_command("serve", port=int(port), still=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
