"""``manage.py load_city lanzhou``: a city whose areas come with the project. Idempotent."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from gridgov.common.errors import DomainError
from grids.cities import city_names, load_city


class Command(BaseCommand):
    help = _("导入随项目提供的城市（全部层级、指挥中心和编码规则），可重复执行")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", choices=city_names())

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            city, done = load_city(options["name"])
        except DomainError as error:
            raise CommandError(str(error.message)) from error
        for level in done:
            self.stdout.write(
                _("%(level)s：新增 %(added)d，变更 %(changed)d，不变 %(same)d")
                % {
                    "level": level.level.label, "added": level.added, "changed": level.changed,
                    "same": level.unchanged,
                }
            )  # fmt: skip
        self.stdout.write(self.style.SUCCESS(f"{city.name} {city.code}"))
