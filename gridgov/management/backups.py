"""Backups: taken while everything runs, restored into an empty database, proved by counts, files and the journal.

A backup is a folder: ``manifest.json`` (what it holds, with digests and the counts of every table), the database
(``database.sqlite3`` or ``database.dump``, pg_dump's own format), ``media.tar`` and ``checkpoints.log``. Order:
checkpoints, database, media, so that each line of the checkpoint file is in the database and each photo that the
database names is in the tar. Keys and secrets are not in it.
"""

import hashlib
import hmac
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg2
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.errors import DomainError
from incidents.models import Attachment

MANIFEST = "manifest.json"
CHECKPOINTS = "checkpoints.log"
MEDIA = "media.tar"
DATABASE = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}
_CHUNK = 1024 * 1024


class BackupError(DomainError):
    """The backup cannot be taken, restored or proved; nothing was changed that the message does not name."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup as it lies in ``folder``."""

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def database(self) -> Path:
        return self.folder / DATABASE[self.manifest["vendor"]]

    @property
    def counts(self) -> dict[str, int]:
        return dict(self.manifest["counts"])


# --- taking -------------------------------------------------------------------------------------------------------


def take(folder: Path) -> Backup:
    """A backup of the running deployment lies in a new folder below ``folder``, named by the time.

    Written under a name of its own and renamed at the end: a folder without ``.part`` is whole.
    """
    now = clock.now()
    name = f"gridgov-{now:%Y%m%d-%H%M%SZ}"
    part = folder / f"{name}.part"
    if part.exists() or (folder / name).exists():
        raise BackupError(_("已存在：%(path)s") % {"path": folder / name})
    part.mkdir(parents=True, mode=0o700)
    try:
        source = Path(settings.CHECKPOINT_FILE)
        if source.exists():
            shutil.copyfile(source, part / CHECKPOINTS)
        else:
            (part / CHECKPOINTS).touch()
        vendor = connection.vendor
        target = part / DATABASE[vendor]
        counts = _copy_sqlite(target) if vendor == "sqlite" else _dump_postgresql(target)
        with tarfile.open(part / MEDIA, "w") as tar:
            _add_all(tar, Path(settings.MEDIA_ROOT))
        files = {path.name: {"sha256": _digest(path), "bytes": path.stat().st_size} for path in sorted(part.iterdir())}
        manifest = {
            "form": 1, "at": now.isoformat(), "vendor": vendor, "journal_key": _key_mark(), "counts": counts,
            "files": files,
        }  # fmt: skip
        (part / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")
        part.rename(folder / name)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return Backup(folder / name, manifest)


def _add_all(tar: tarfile.TarFile, root: Path) -> None:
    """What lies under ``root`` is in the archive, but for what is discarded meanwhile: uploads that no case took."""
    for folder, _folders, names in os.walk(root, onerror=_unless_gone):
        for path in (Path(folder), *(Path(folder, name) for name in sorted(names))):
            with suppress(FileNotFoundError):
                tar.add(path, arcname=path.relative_to(root).as_posix(), recursive=False, filter=_without_owner)


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _without_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    # links lead elsewhere; we make none
    return entry if entry.isfile() or entry.isdir() else None


def tables() -> list[str]:
    """The tables of all models, by name."""
    return sorted({m._meta.db_table for m in apps.get_models(include_auto_created=True) if m._meta.managed})


def _counts(execute: Any) -> dict[str, int]:
    return {table: execute(f'SELECT COUNT(*) FROM "{table}"') for table in tables()}  # noqa: S608 - our own tables


def _copy_sqlite(target: Path) -> dict[str, int]:
    """By SQLite's own means, as of one instant, while others write; what is counted is the copy."""
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as source, closing(sqlite3.connect(target)) as copy:
        # in one step: between two, what somebody wrote would make it begin anew, and on a busy database never end
        source.backup(copy)
        return sqlite_counts(copy)


def sqlite_counts(database: sqlite3.Connection) -> dict[str, int]:
    """Rows by table."""
    return _counts(lambda sql: int(database.execute(sql).fetchone()[0]))


def _dump_postgresql(target: Path) -> dict[str, int]:
    """What is counted is the very snapshot that is dumped."""
    where = connection.settings_dict
    with closing(psycopg2.connect(**_parameters(where))) as reader:
        reader.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with reader.cursor() as cursor:
            cursor.execute("SELECT pg_export_snapshot()")
            snapshot = cursor.fetchone()[0]
            _run(
                [_program("pg_dump"), "--format=custom", "--no-owner", f"--snapshot={snapshot}", f"--file={target}"],
                where,
            )
            return _counts(lambda sql: _one(cursor, sql))


def _one(cursor: Any, sql: str) -> int:
    cursor.execute(sql)
    return int(cursor.fetchone()[0])


# --- reading ------------------------------------------------------------------------------------------------------


def read(folder: Path) -> Backup:
    """The backup in ``folder``, every file as it was written. BackupError for one that is not whole."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = dict(manifest["files"])
        known = manifest["form"] == 1 and manifest["vendor"] in DATABASE
    except (OSError, ValueError, KeyError, TypeError) as wrong:
        raise BackupError(_("不是完整的备份：%(path)s（%(why)s）") % {"path": folder, "why": wrong}) from None
    if not known:
        raise BackupError(_("不认识这种备份：%(path)s") % {"path": folder})
    # without the key that sealed it every entry of the journal would be called forged, after all had been restored
    if manifest.get("journal_key", _key_mark()) != _key_mark():
        told = _("JOURNAL_KEY 不是这份备份的，没有写入任何内容。")
        raise BackupError(told + _("请换成备份时的密钥（环境变量，或数据目录中的文件 journal_key）再试。"))
    for name, said in files.items():
        path = folder / Path(name).name
        if not path.exists() or path.stat().st_size != said["bytes"] or _digest(path) != said["sha256"]:
            raise BackupError(_("备份中的文件已损坏或缺失：%(name)s") % {"name": name})
    return Backup(folder, manifest)


def _key_mark() -> str:
    """By it one knows the key of the journal again; it tells nothing of the key."""
    return hmac.new(settings.JOURNAL_KEY.encode(), b"gridgov backup", "sha256").hexdigest()[:16]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- restoring ----------------------------------------------------------------------------------------------------


def restore(backup: Backup, *, jobs: int = 1) -> None:
    """The backup stands in the database, the media folder and the checkpoint file of the settings.

    The database must be empty, the media folder too. A checkpoint file that is there is kept beside, under a name
    with the time. BackupError before anything is changed.
    """
    vendor, media, checkpoints = connection.vendor, Path(settings.MEDIA_ROOT), Path(settings.CHECKPOINT_FILE)
    if backup.manifest["vendor"] != vendor:
        told = {"of": backup.manifest["vendor"], "here": vendor}
        raise BackupError(_("备份来自 %(of)s，当前数据库是 %(here)s") % told)
    if vendor == "sqlite":
        Path(connection.settings_dict["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    with connection.cursor() as cursor:
        if connection.introspection.table_names(cursor):
            raise BackupError(_("当前数据库不是空的，不会覆盖"))
    if media.exists() and any(media.iterdir()):
        raise BackupError(_("文件目录不是空的，不会覆盖：%(path)s") % {"path": media})
    connection.close()
    if vendor == "sqlite":
        restore_sqlite(backup, Path(connection.settings_dict["NAME"]))
    else:
        restore_postgresql(backup, connection.settings_dict, jobs=jobs)
    extract_media(backup, media)
    if checkpoints.exists():
        checkpoints.rename(checkpoints.with_name(f"{checkpoints.name}.before-{clock.now():%Y%m%d-%H%M%SZ}"))
    checkpoints.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(backup.folder / CHECKPOINTS, checkpoints)


def restore_sqlite(backup: Backup, target: Path) -> None:
    """The database of the backup is the file ``target``."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(backup.database)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


def restore_postgresql(backup: Backup, where: Mapping[str, Any], *, jobs: int = 1) -> None:
    """The database of the backup is in the empty database ``where`` (Django's settings of one)."""
    how = ["--single-transaction"] if jobs == 1 else [f"--jobs={jobs}", "--exit-on-error"]
    name = f"--dbname={where['NAME']}"
    _run([_program("pg_restore"), "--no-owner", "--no-privileges", *how, name, str(backup.database)], where)
    _run([_program("psql"), "--quiet", "--no-psqlrc", "--command=ANALYZE", where["NAME"]], where)


def extract_media(backup: Backup, folder: Path) -> None:
    """The files of the backup lie below ``folder``; nothing outside of it is touched."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(backup.folder / MEDIA) as tar:
        tar.extractall(folder, filter="data")


# --- proving ------------------------------------------------------------------------------------------------------


def differences(backup: Backup) -> list[str]:
    """Where the database of the settings has not the counts of the backup, or a file of a case is missing or other."""
    with connection.cursor() as cursor:
        found = _counts(lambda sql: _one(cursor, sql))
    wrong = [
        _("%(table)s：备份 %(told)d 行，现有 %(found)d 行")
        % {"table": table, "told": told, "found": found.get(table, 0)}
        for table, told in backup.counts.items()
        if found.get(table, 0) != told
    ]
    rows = Attachment.objects.values_list("pk", "file", "sha256", "incident_id")
    for pk, name, sha256, case in rows.iterator(chunk_size=2000):
        path = Path(settings.MEDIA_ROOT) / name
        # an upload that no case took may have been discarded between the copy of the database and that of the files
        is_wrong = _digest(path) != sha256 if path.exists() else case is not None
        if is_wrong:
            wrong.append(_("文件 %(pk)s 缺失或已改变") % {"pk": pk})
    return wrong


@contextmanager
def scratch(backup: Backup, folder: Path) -> Iterator[str]:
    """The address of a database of its own with the backup in it, gone afterwards."""
    if backup.manifest["vendor"] == "sqlite":
        target = folder / "scratch.sqlite3"
        restore_sqlite(backup, target)
        yield f"sqlite:///{target}"
        return
    if connection.vendor != "postgresql":
        raise BackupError(_("备份来自 postgresql：请在 PostgreSQL 部署中验证"))
    where = dict(connection.settings_dict)
    where["NAME"] = f"gridgov_verify_{os.getpid()}"
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{where["NAME"]}"')
    try:
        restore_postgresql(backup, where)
        yield _address(where)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{where["NAME"]}"')


def _address(where: Mapping[str, Any]) -> str:
    user = quote(where["USER"], safe="") + (f":{quote(where['PASSWORD'], safe='')}" if where["PASSWORD"] else "")
    options = {k: v for k, v in where.get("OPTIONS", {}).items() if k.startswith("ssl")}
    query = f"?{urlencode(options)}" if options else ""
    host, name = quote(where["HOST"], safe=""), quote(where["NAME"], safe="")
    return f"postgres://{user}@{host}:{where['PORT'] or 5432}/{name}{query}"


# --- programs -----------------------------------------------------------------------------------------------------


def _parameters(where: Mapping[str, Any]) -> dict[str, Any]:
    given = {"dbname": where["NAME"], "user": where["USER"], "password": where["PASSWORD"], "host": where["HOST"],
             "port": where["PORT"]}  # fmt: skip
    # statements of a backup take their time
    options = {k: v for k, v in where.get("OPTIONS", {}).items() if k.startswith("ssl")}
    return {name: value for name, value in given.items() if value} | options


def _run(command: list[str], where: Mapping[str, Any]) -> None:
    names = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "NAME"}
    given = {name: str(where[key]) for name, key in names.items() if where.get(key)}
    given |= {f"PG{k.upper()}": str(v) for k, v in where.get("OPTIONS", {}).items() if k.startswith("ssl")}
    done = subprocess.run(command, env={**os.environ, **given}, capture_output=True, text=True, check=False)  # noqa: S603 - pg_dump and its like
    if done.returncode:
        name = Path(command[0]).name
        raise BackupError(_("%(name)s 失败：%(why)s") % {"name": name, "why": done.stderr.strip()[-2000:]})


def _program(name: str) -> str:
    """Where the program of PostgreSQL is, the newest there is."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parent.parent.name))
    path = shutil.which(name) or (str(found[-1]) if found else "")
    if not path:
        raise BackupError(_("找不到 %(name)s：请安装 postgresql-client") % {"name": name})
    return path
