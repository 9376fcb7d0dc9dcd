"""``manage.py seed_demo``: a city with people and some weeks of cases, in an empty database that is then a demo."""

from datetime import date, datetime
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.errors import DomainError, FieldError
from gridgov.management import seeding
from gridgov.management.commands.simulate import instant
from gridgov.simulation import demo, runs
from gridgov.simulation.summary import summary
from incidents.models import Incident

#: Known to everybody: the demo listens on this machine only, unless told otherwise.
PASSWORD = "wangge-2026"  # noqa: S105 - meant to be known
_SEED = 20260101


class Command(BaseCommand):
    """Idempotent: a second run adds nothing. Broken off, it goes on where it was."""

    help = "Make a demo of an empty database: reference data, accounts, and about 530 cases played through the loop."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--city", choices=seeding.cities(), default="lanzhou")
        parser.add_argument("--seed", type=int, default=_SEED, help="what chance is drawn from")
        parser.add_argument("--until", type=instant, help="the cases end then (ISO), as in a demo that lay for a while")
        parser.add_argument("--no-cases", action="store_true", help="accounts and reference data only, for simulate")

    def handle(self, *args: Any, city: str, seed: int, no_cases: bool, until: datetime | None, **options: Any) -> None:
        said = {"stdout": self.stdout, "stderr": self.stderr, "verbosity": options["verbosity"]}
        if demo.mark_of() is None and Incident.objects.exists():
            raise CommandError(_("这个数据库已有案件，不能作为演示库"))
        call_command("seed_reference", city=city, password=PASSWORD, **said)
        try:
            if no_cases:
                demo.mark(seed=seed)
            else:
                self._seed(seed, until or clock.now())
        except FieldError as error:
            raise CommandError(f"--{error.field}: {error.message}") from error
        except DomainError as error:
            raise CommandError(str(error.message)) from error
        except KeyboardInterrupt:
            raise CommandError(_("已中断；已有的都在，再次运行即接着来"), returncode=130) from None
        self.stdout.write(_("演示账号的密码（未改过的话）：%(password)s") % {"password": PASSWORD})

    def _seed(self, seed: int, end: datetime) -> None:
        days: set[date] = set()

        def tell(at: datetime) -> None:
            day = clock.local_date(at)
            if day not in days:
                days.add(day)
                self._say(day)

        played = runs.seed_cases(seed, end=end, tell=tell)
        if played is not None and self.stdout.isatty():
            self.stdout.write("")
        self.stdout.write(summary())

    def _say(self, day: date) -> None:
        """How far it is, of how much: on a terminal in one line, in a file now and then."""
        mark = demo.mark_of()
        if mark is None or mark.start is None or mark.end is None:
            return
        first, last = clock.local_date(mark.start), clock.local_date(mark.end)
        done = {"day": (day - first).days + 1, "days": (last - first).days + 1, "on": f"{day:%Y-%m-%d}"}
        words = _("正在演过去的日子：第 %(day)d 天，共 %(days)d 天（%(on)s）") % done
        if self.stdout.isatty():
            self.stdout.write(f"\r{words}", ending="")
            self.stdout.flush()
        elif done["day"] % 10 == 0 or day == last:
            self.stdout.write(words)
