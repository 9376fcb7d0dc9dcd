"""``manage.py verify_backup FOLDER``: proves a backup in a database of its own, without touching the one in use."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from gridgov.management import backups

#: Run in a process of its own on the scratch database: settings name one database a process.
_PROOF = (
    "import sys, django; django.setup();"
    "from pathlib import Path; from django.core.management import call_command;"
    "from gridgov.management import backups;"
    "wrong = backups.differences(backups.read(Path(sys.argv[1])));"
    "print(*wrong, sep='\\n', file=sys.stderr);"
    "call_command('verify_journal');"
    "sys.exit(1 if wrong else 0)"
)


class Command(BaseCommand):
    help = "在临时数据库中恢复备份并核对行数、文件和流转记录，然后删除临时数据库。"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="manage.py backup 打印的目录")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        """Ends with 1 and says what does not agree."""
        try:
            backup = backups.read(folder.absolute())
            with tempfile.TemporaryDirectory(prefix="gridgov-verify-") as name:
                self._prove(backup, Path(name))
        except backups.BackupError as refused:
            raise CommandError(str(refused.message)) from refused

    def _prove(self, backup: backups.Backup, folder: Path) -> None:
        backups.extract_media(backup, folder / "media")
        with backups.scratch(backup, folder) as address:
            given = {
                "DJANGO_SETTINGS_MODULE": "gridgov.settings",
                "DATABASE_URL": address,
                "DATABASE_REPLICA_URL": "",
                "STATEMENT_TIMEOUT_MS": "0",
                "GRIDGOV_DATA_DIR": str(folder),
                "MEDIA_ROOT": str(folder / "media"),
                "CHECKPOINT_FILE": str(backup.folder / backups.CHECKPOINTS),
                "SECRET_KEY": settings.SECRET_KEY,
                "JOURNAL_KEY": settings.JOURNAL_KEY,
                "PYTHONIOENCODING": "utf-8",
            }
            done = subprocess.run(
                [sys.executable, "-c", _PROOF, str(backup.folder)], env={**os.environ, **given}, cwd=settings.BASE_DIR,
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        if done.returncode:
            raise CommandError(_("备份未能证明完好：\n%(why)s") % {"why": (done.stderr or done.stdout).strip()[-2000:]})
        self.stdout.write(done.stdout.strip())
        rows = sum(backup.counts.values())
        self.stdout.write(_("备份完好：%(rows)d 行、文件和流转记录都已核对。") % {"rows": rows})
