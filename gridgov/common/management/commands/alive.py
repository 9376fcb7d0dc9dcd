"""``manage.py alive worker``: for the health checks of containers."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from gridgov.common.heartbeat import ages


class Command(BaseCommand):
    help = "检查某个部件（worker、beat、sweep）最近是否有心跳；没有则以 1 退出。"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="部件名")
        parser.add_argument("--seconds", type=float, default=60, help="允许的最大间隔（秒），默认 60")

    def handle(self, *args: Any, name: str, seconds: float, **options: Any) -> None:
        """Ends with 1 when ``name`` never gave a sign of life or the last is older than ``seconds``."""
        age = ages().get(name)
        if age is None:
            raise CommandError(_("%(name)s 从未有过心跳。") % {"name": name})
        if age > seconds:
            raise CommandError(_("%(name)s 的最近心跳在 %(age).0f 秒前。") % {"name": name, "age": age})
        self.stdout.write(_("%(name)s 正常，最近心跳在 %(age).0f 秒前。") % {"name": name, "age": age})
