"""``manage.py backup FOLDER``: everything but the keys, while everything runs."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from gridgov.management import backups


class Command(BaseCommand):
    help = "把数据库、照片文件和校验点文件备份到一个新目录；运行中即可执行。密钥不在其中，请另行保存。"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="备份放在此目录下，以时间命名")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        """Ends with 1 where the backup is not whole; then there is none. Prints its folder."""
        try:
            taken = backups.take(folder.absolute())
        except (backups.BackupError, OSError) as wrong:
            raise CommandError(str(wrong)) from wrong
        size = sum(entry["bytes"] for entry in taken.manifest["files"].values())
        rows = sum(taken.counts.values())
        self.stderr.write(_("已备份 %(rows)d 行，%(size)d 字节") % {"rows": rows, "size": size})
        self.stdout.write(str(taken.folder))
