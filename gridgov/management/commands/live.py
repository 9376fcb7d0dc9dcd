"""``manage.py live``: the event streams as a process of their own, beside web, worker and beat."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection
from django.utils.translation import gettext as _

from gridgov.asgi import Application, Part
from gridgov.common.observability import tracing
from gridgov.common.observability.processes import Reporter
from gridgov.live import Live
from gridgov.management.serving import Server, run
from gridgov.sqlite.watcher import Watcher


class Command(BaseCommand):
    help = "运行实时更新的事件流进程（/live/…）；多个进程经 Redis 同步。"
    requires_system_checks = "__all__"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="监听地址，默认 127.0.0.1")
        parser.add_argument("--port", type=int, default=8001, help="端口，默认 8001")

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        """Serves the streams alone until SIGINT or SIGTERM, ends them and exits with 0."""
        live = Live()
        # On SQLite nobody says "look" to another process: the file is watched.
        parts: list[Part] = [live, Watcher(live.poke)] if settings.EMBEDDED else [live]
        tracing.start("live")
        parts.append(Reporter("live", live.figures))
        connection.close()
        where = {"host": host, "port": port}
        server = Server(
            Application(streams=live.paths(), parts=parts, pages=None),
            live=live,
            host=host,
            port=port,
            ready=lambda: self.stdout.write(_("事件流已启动：http://%(host)s:%(port)s/live/stream") % where),
        )
        try:
            run(server)
        finally:
            if not server.started:
                self.stderr.write(_("无法在 %(host)s:%(port)s 启动，端口可能已被占用。") % where)
