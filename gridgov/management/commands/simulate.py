"""``manage.py simulate``: the past of a demo city is played through the loop, up to now."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.errors import DomainError, FieldError
from gridgov.simulation import demo, runs
from gridgov.simulation.digest import journal_digest
from gridgov.simulation.summary import summary

_HOURS = 100


class Command(BaseCommand):
    """The same seed on the same data gives the same journal, but for the ids of photos (see ``simulation.digest``)."""

    help = "Play the past of a demo database up to now: people report and act through the loop, some late, some wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="start", type=instant, help="first instant (ISO); else where it ended, "
                            "or 100 hours before the last instant")  # fmt: skip
        parser.add_argument("--to", dest="end", type=instant, help="last instant (ISO), at most now, which it is else")
        parser.add_argument("--speed", type=float, default=0.0, help="played seconds a second; 0: as fast as it goes")
        parser.add_argument("--rate", type=float, default=runs.PER_DAY, help="reports on an ordinary day")
        parser.add_argument("--seed", type=int, help="what chance is drawn from; else that of the demo")
        parser.add_argument("--digest", action="store_true", help="print one figure for the whole journal at the end")

    def handle(self, *args: Any, **given: Any) -> None:
        if given["rate"] < 0 or given["rate"] > 20_000 or given["speed"] < 0:
            raise CommandError(_("--rate 须在 0 到 20000 之间，--speed 不得为负"))
        try:
            mark = demo.needed()
            end = given["end"] or clock.now()
            start = given["start"] or demo.last_moment() or end - timedelta(hours=_HOURS)
            seed = mark.seed if given["seed"] is None else given["seed"]
            city = runs.play(
                start=start, end=end, seed=seed, per_day=given["rate"], speed=given["speed"], tell=_teller(self)
            )
        except FieldError as error:
            raise CommandError(f"--{error.field}: {error.message}") from error
        except DomainError as error:
            raise CommandError(str(error.message)) from error
        except KeyboardInterrupt:
            raise CommandError(_("已中断；已演到的都在，再次运行即接着演"), returncode=130) from None
        self.stdout.write(summary())
        if city.refused and given["verbosity"] > 1:
            for what, count in sorted(city.refused.items()):
                self.stdout.write(f"  {count} × {what}")
        if given["digest"]:
            self.stdout.write(journal_digest())


def instant(text: str) -> datetime:
    """An ISO instant; without a zone in the deployment's."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(settings.TIME_ZONE))


def _teller(command: BaseCommand) -> Any:
    """Says each played day as it begins."""
    seen: set[Any] = set()

    def tell(at: datetime) -> None:
        day = clock.local_date(at)
        if day not in seen:
            seen.add(day)
            command.stdout.write(f"{day:%Y-%m-%d}")
            command.stdout.flush()

    return tell
