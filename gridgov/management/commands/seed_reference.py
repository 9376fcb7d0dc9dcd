"""What a deployment needs before it can be used: areas, calendar, catalogue, departments, people, routing."""

import unicodedata
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from gridgov.common.errors import DomainError, FieldError
from gridgov.management import seeding


class Command(BaseCommand):
    """Idempotent: a second run adds nothing and changes no password."""

    help = "Load a city with its calendar, catalogue, departments and one account a role; prints the new passwords."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--city", choices=seeding.cities(), default="lanzhou")
        parser.add_argument("--password", help="password of the listed accounts that are new (else one each is made)")
        parser.add_argument("--reset-passwords", action="store_true", help="the listed accounts get new passwords")

    def handle(self, *args: Any, city: str, password: str | None, reset_passwords: bool, **options: Any) -> None:
        said = {"stdout": self.stdout, "stderr": self.stderr, "verbosity": options["verbosity"]}
        call_command("load_city", city, **said)
        call_command("load_calendar", **said)
        call_command("load_catalogue", **said)
        call_command("load_escalation", **said)
        call_command("load_texts", **said)
        call_command("load_assessment", **said)
        try:
            seeded = seeding.seed_people(city, password=password, reset=reset_passwords)
            rules = seeding.seed_routing(city)
            components = seeding.seed_components(city)
        except FieldError as error:
            raise CommandError(f"{error.field}: {error.message}") from error
        except DomainError as error:
            raise CommandError(str(error.message)) from error
        done = {"d": seeded.departments, "p": seeded.people, "r": rules, "c": components}
        self.stdout.write(_("新增部门 %(d)d 个、人员 %(p)d 名、派遣规则 %(r)d 条、部件 %(c)d 个") % done)
        self._table(seeded.accounts)

    def _table(self, accounts: list[seeding.Account]) -> None:
        """Role, login, password, name, place; said in place of the password where it was left alone."""
        kept = _("（已存在，密码未变）")
        rows = [(_("角色"), _("账号"), _("密码"), _("姓名"), _("任职"))]
        rows += [(str(a.role.label), a.login, a.password or kept, a.name, a.place) for a in accounts]
        widths = [max(_width(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            self.stdout.write("  ".join(t + " " * (w - _width(t)) for t, w in zip(row, widths, strict=True)).rstrip())
        if any(account.password is None for account in accounts):
            self.stdout.write(_("忘记密码时：manage.py seed_reference --reset-passwords"))


def _width(text: str) -> int:
    """Columns on a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
