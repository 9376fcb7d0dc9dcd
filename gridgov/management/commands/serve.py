"""``manage.py serve``: the whole site in one process, for one machine."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.urls import reverse
from django.utils.translation import gettext as _

from gridgov.asgi import Application, Part, live
from gridgov.celery import app
from gridgov.common import clock, wake
from gridgov.common.errors import DomainError
from gridgov.common.observability import tracing
from gridgov.common.observability.processes import Reporter
from gridgov.embedded import BeatThread, WorkerThread
from gridgov.management import seeding
from gridgov.management.serving import Server, run
from gridgov.simulation import demo, runs
from gridgov.simulation.live import Residents
from gridgov.sqlite.watcher import Watcher


class Command(BaseCommand):
    help = "在一个进程内运行网页、任务与定时调度（内置 SQLite 部署）。"
    requires_system_checks = "__all__"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="监听地址，默认 127.0.0.1")
        parser.add_argument("--port", type=int, default=8000, help="端口，默认 8000")
        played = parser.add_mutually_exclusive_group()
        played.add_argument("--simulate", action="store_true", help="演示库：城市里的人同时在上报和办理")
        played.add_argument("--still", action="store_true", help="不模拟（默认）")

    def handle(self, *args: Any, host: str, port: int, simulate: bool, **options: Any) -> None:
        """Serves until SIGINT or SIGTERM, then stops every part and exits with 0.

        With ``--simulate``, in a demo database only, what happened while the server was off is played first.
        On PostgreSQL this is refused: there web, worker and beat are processes of their own.
        """
        if not settings.EMBEDDED:
            raise CommandError(_("serve 只用于内置 SQLite 部署；PostgreSQL 部署请分别启动 web、worker 与 beat。"))
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError(_("数据库尚未迁移，请先运行 manage.py migrate。"))
        parts: list[Part] = [live, WorkerThread(app), BeatThread(app), Watcher(wake.changed)]
        tracing.start("web")
        parts.append(Reporter("serve", live.figures))
        if simulate:
            self._make_up()
            parts.append(Residents())
        lamp = seeding.lamp_token() if demo.mark_of() is not None else ""
        connection.close()
        where = {"host": host, "port": port}

        def ready() -> None:
            self.stdout.write(_("已启动：http://%(host)s:%(port)s/ （Ctrl-C 停止）") % where)
            if lamp:
                path = reverse("pages:scan", args=[lamp])
                self.stdout.write(
                    _("扫码上报的页面（一盏路灯）：http://%(host)s:%(port)s%(path)s") % (where | {"path": path})
                )

        server = Server(
            Application(parts=parts),
            live=live,
            host=host,
            port=port,
            ready=ready,
        )
        try:
            run(server)
        finally:
            if not server.started:
                self.stderr.write(_("无法在 %(host)s:%(port)s 启动，端口可能已被占用。") % {"host": host, "port": port})

    def _make_up(self) -> None:
        """The played people have done what they would have while the server was off."""
        try:
            last = demo.last_moment()
            if last is not None and clock.now() - last > runs.SHORT_PAUSE:
                self.stdout.write(_("补演停机期间（自 %(at)s 起）…") % {"at": f"{clock.local(last):%Y-%m-%d %H:%M}"})
            runs.make_up(now=clock.now())
        except DomainError as error:
            raise CommandError(str(error.message)) from error
        except KeyboardInterrupt:
            raise CommandError(_("已中断"), returncode=130) from None
