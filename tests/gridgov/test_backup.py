"""Backup, restore and proof, rehearsed on a small city, on whatever database the suite runs."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from io import StringIO
from pathlib import Path

import psycopg2
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from gridgov import env
from gridgov.common import clock
from gridgov.management import backups
from incidents import attachments, journal
from incidents.models import Attachment, Incident, JournalEntry
from tests.worlds import World, make_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def loaded(settings, tmp_path) -> World:
    """A city with cases, photos and a sealed journal, its files in a folder of the test."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    world = make_world()
    for status in ("reported", "handling", "handled"):
        world.report() if status == "reported" else world.carry(status)
    journal.make_checkpoint(at=clock.now())
    return world


def backup(tmp_path: Path) -> Path:
    said = StringIO()
    call_command("backup", str(tmp_path / "backups"), stdout=said, stderr=StringIO())
    return Path(said.getvalue().strip())


class Target:
    """An empty deployment beside the one of the test."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "restored"
        self.name = f"gridgov_restored_{os.getpid()}"
        self.is_sqlite = connection.vendor == "sqlite"
        self.environment = {
            **os.environ, "DJANGO_SETTINGS_MODULE": "gridgov.settings", "GRIDGOV_DATA_DIR": str(self.folder),
            "MEDIA_ROOT": str(self.folder / "media"), "CHECKPOINT_FILE": str(self.folder / "checkpoints.log"),
            "SECRET_KEY": settings.SECRET_KEY, "JOURNAL_KEY": settings.JOURNAL_KEY, "PYTHONIOENCODING": "utf-8",
            # asked for by the checks of a deployment on PostgreSQL; nothing is sent there
            "REDIS_URL": "" if self.is_sqlite else "redis://127.0.0.1:1/0",
            "DATABASE_URL": f"sqlite:///{self.folder / 'restored.sqlite3'}" if self.is_sqlite else backups._address(
                connection.settings_dict | {"NAME": self.name}
            ),
        }  # fmt: skip

    def __enter__(self) -> "Target":
        self._drop()
        if not self.is_sqlite:
            with connection.cursor() as cursor:
                cursor.execute(f'CREATE DATABASE "{self.name}"')
        return self

    def __exit__(self, *exc: object) -> None:
        self._drop()

    def _drop(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if not self.is_sqlite:
            with connection.cursor() as cursor:
                cursor.execute(f'DROP DATABASE IF EXISTS "{self.name}"')

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *command], env=self.environment, cwd=settings.BASE_DIR, capture_output=True,
            text=True, check=False,
        )  # fmt: skip

    def execute(self, sql: str) -> list[tuple]:
        if self.is_sqlite:
            with closing(sqlite3.connect(self.folder / "restored.sqlite3")) as database, database:
                return database.execute(sql).fetchall()
        parameters = backups._parameters(connection.settings_dict | {"NAME": self.name})
        with closing(psycopg2.connect(**parameters)) as database, database, database.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def target(tmp_path):
    with Target(tmp_path) as made:
        yield made


def test_loaded_database_comes_back_whole_into_an_empty_one(loaded, tmp_path, target):
    folder = backup(tmp_path)
    restored = target.run("restore", str(folder))
    assert restored.returncode == 0, restored.stderr
    assert target.execute("SELECT COUNT(*) FROM incidents_incident") == [(Incident.objects.count(),)]
    assert target.execute("SELECT COUNT(*) FROM incidents_journalentry") == [(JournalEntry.objects.count(),)]
    assert "不符0" in restored.stdout
    photos = list((target.folder / "media").rglob("*.jpg"))
    assert len(photos) == Attachment.objects.count() > 0
    assert (target.folder / "checkpoints.log").read_text() == Path(settings.CHECKPOINT_FILE).read_text()
    # what came back works: the schema is whole, and the journal is guarded as it was
    assert target.run("migrate", "--check").returncode == 0
    assert target.run("check", "--database", "default").returncode == 0


def test_restore_with_another_key_of_the_journal_writes_nothing(loaded, tmp_path, target):
    folder = backup(tmp_path)
    right = target.environment["JOURNAL_KEY"]
    target.environment["JOURNAL_KEY"] = "of another deployment, and as long as a key must be"
    for command in ("restore", "verify_backup"):
        refused = target.run(command, str(folder))
        assert refused.returncode == 1
        assert "JOURNAL_KEY" in refused.stderr
        assert "没有写入" in refused.stderr
    assert not Path(target.environment["MEDIA_ROOT"]).exists()
    target.environment["JOURNAL_KEY"] = right
    assert target.run("restore", str(folder)).returncode == 0  # nothing bars the next try


def test_restore_refuses_a_database_that_is_not_empty(loaded, tmp_path, target):
    folder = backup(tmp_path)
    assert target.run("restore", str(folder)).returncode == 0
    again = target.run("restore", str(folder))
    assert again.returncode == 1
    assert "不是空的" in again.stderr


def test_backup_is_proved_without_touching_the_database_in_use(loaded, tmp_path):
    folder = backup(tmp_path)
    before = Incident.objects.count()
    said = StringIO()
    call_command("verify_backup", str(folder), stdout=said)
    assert "备份完好" in said.getvalue()
    assert Incident.objects.count() == before
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM pg_database WHERE datname = %s", [f"gridgov_verify_{os.getpid()}"])
            assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("name", ["media.tar", "database", "checkpoints.log"])
def test_backup_with_a_changed_or_missing_file_is_not_whole(loaded, tmp_path, name):
    folder = backup(tmp_path)
    path = folder / (backups.DATABASE[connection.vendor] if name == "database" else name)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(CommandError, match="已损坏或缺失"):
        call_command("verify_backup", str(folder))
    path.unlink()
    with pytest.raises(CommandError, match="已损坏或缺失"):
        call_command("verify_backup", str(folder))


def test_backup_whose_counts_or_photos_do_not_agree_is_found(loaded, tmp_path):
    folder = backup(tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["counts"]["incidents_incident"] += 1
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CommandError, match="incidents_incident"):
        call_command("verify_backup", str(folder))
    found = backups.differences(backups.read(folder))
    assert len(found) == 1
    photo = Attachment.objects.first()
    Path(photo.file.path).write_bytes(b"another")
    assert len(backups.differences(backups.read(folder))) == 2


def test_address_of_a_database_is_read_as_it_was_written():
    where = {"NAME": "a/b", "USER": "g@x", "PASSWORD": "p:/@", "HOST": "/var/run/postgresql", "PORT": "", "OPTIONS": {}}
    read = env.database(backups._address(where))
    assert {name: read[name] for name in where} == where | {
        "PORT": "5432", "OPTIONS": {"connect_timeout": "5", "options": "-c jit=off -c random_page_cost=1.1"},
    }  # fmt: skip


def test_folder_that_is_no_backup_is_refused(tmp_path):
    with pytest.raises(CommandError, match="不是完整的备份"):
        call_command("verify_backup", str(tmp_path))


def test_backup_that_fails_leaves_nothing_that_looks_whole(loaded, tmp_path, monkeypatch):
    def full(path):
        raise OSError("no space left")

    monkeypatch.setattr(backups, "_digest", full)
    with pytest.raises(CommandError, match="no space left"):
        call_command("backup", str(tmp_path / "backups"))
    assert list((tmp_path / "backups").iterdir()) == []


def test_upload_that_is_discarded_while_the_files_are_copied_does_not_end_the_backup(loaded, tmp_path, monkeypatch):
    """Its file was listed and is gone when its turn comes; its row is in the copy of the database."""
    upload = Attachment.objects.get(pk=loaded.photo("acceptor"))
    copied = tarfile.TarFile.gettarinfo

    def discarded(tar, name=None, *args, **kwargs):
        if Path(name).suffix == ".jpg" and Attachment.objects.filter(pk=upload.pk).exists():
            assert attachments.discard_unlinked(before=clock.now()) == 1
        return copied(tar, name, *args, **kwargs)

    monkeypatch.setattr(tarfile.TarFile, "gettarinfo", discarded)
    folder = backup(tmp_path)
    assert not Attachment.objects.filter(pk=upload.pk).exists()
    with tarfile.open(folder / "media.tar") as tar:
        names = {Path(name).name for name in tar.getnames()}
    assert {Path(name).name for name in Attachment.objects.values_list("file", flat=True)} <= names
    monkeypatch.undo()
    call_command("verify_backup", str(folder), stdout=StringIO())


def test_file_that_is_missing_counts_where_a_case_has_it(loaded, tmp_path):
    upload = Attachment.objects.get(pk=loaded.photo("acceptor"))
    folder = backup(tmp_path)
    Path(upload.file.path).unlink()
    assert backups.differences(backups.read(folder)) == []
    of_a_case = Attachment.objects.filter(incident__isnull=False).first()
    Path(of_a_case.file.path).unlink()
    assert len(backups.differences(backups.read(folder))) == 1
