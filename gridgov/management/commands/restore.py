"""``manage.py restore FOLDER``: a backup into the empty database of the settings, proved at the end."""

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from gridgov.management import backups


class Command(BaseCommand):
    help = "把备份恢复到当前设置的空数据库和空文件目录，然后核对行数、文件和流转记录。"
    # the database is empty: there is nothing yet that could be checked
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="manage.py backup 打印的目录")
        parser.add_argument("--jobs", type=int, default=1, help="PostgreSQL：并行数；1 时为一个事务")

    def handle(self, *args: Any, folder: Path, jobs: int, **options: Any) -> None:
        """Ends with 1, and changes nothing, where the target is not empty or the backup not whole."""
        try:
            backup = backups.read(folder.absolute())
            backups.restore(backup, jobs=max(1, jobs))
            wrong = backups.differences(backup)
        except backups.BackupError as refused:
            raise CommandError(str(refused.message)) from refused
        for line in wrong:
            self.stderr.write(line)
        if wrong:
            raise CommandError(_("恢复后与备份不符：%(count)d 处") % {"count": len(wrong)})
        call_command("verify_journal", stdout=self.stdout, stderr=self.stderr)
        rows = sum(backup.counts.values())
        self.stdout.write(_("已恢复并核对 %(rows)d 行。接着运行 manage.py migrate，然后启动。") % {"rows": rows})
