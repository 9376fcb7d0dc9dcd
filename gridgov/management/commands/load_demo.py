"""``manage.py load_demo``: everything that ``make demo`` shows. May be repeated."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from gridgov import demo


class Command(BaseCommand):
    help = "导入演示数据：立案目录、工作日历、西固区、部门、任职和每个角色一个账号。可重复执行。"

    def handle(self, *args: Any, **options: Any) -> None:
        """Refused on PostgreSQL: accounts with one shared password have no place in a real deployment."""
        if not settings.EMBEDDED:
            raise CommandError(_("load_demo 只用于内置 SQLite 部署。"))
        call_command("load_calendar", stdout=self.stdout)
        call_command("load_catalogue", stdout=self.stdout)
        password = demo.password(settings.DATA_DIR / "demo_password")
        accounts = demo.load(password=password)
        self.stdout.write("")
        self.stdout.write(_("演示账号（密码均为 %(password)s）：") % {"password": password})
        for account in accounts:
            self.stdout.write(f"  {account.login:22} {account.role}　{account.place}")
        self.stdout.write("")
