"""Proves the journal: every chain, every text, every checkpoint."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from incidents import journal
from incidents.models import Incident


class Command(BaseCommand):
    """Ends with 1 and the list of faults where something does not agree."""

    help = "Work out every entry, text and checkpoint of the journal again and compare."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--number", help="only this case, without the checkpoints")

    def handle(self, *args: Any, number: str | None, **options: Any) -> None:
        if number is not None and not Incident.objects.filter(number=number).exists():
            raise CommandError(_("没有这个案件：%s") % number)
        verdict = journal.verify(number=number)
        counts = {
            "cases": verdict.incident_count,
            "entries": verdict.entry_count,
            "seals": verdict.checkpoint_count,
            "unsealed": verdict.unsealed_count,
            "faults": len(verdict.faults),
        }
        for fault in verdict.faults:
            where = f"{fault.number}#{fault.seq}" if fault.number else _("校验点%d") % fault.seq
            self.stdout.write(f"{where} {fault.what}")
        said = _("案件%(cases)d，记录%(entries)d，校验点%(seals)d（未封%(unsealed)d），不符%(faults)d") % counts
        if verdict.faults:
            raise CommandError(said)
        self.stdout.write(said)
