"""Exports as jobs: asked for, written in slices that any worker goes on with, fetched, and gone after some days.

Memory is that of one chunk, whatever the number of rows. The rows go to a CSV file, whose sure length stands in the
database after each chunk: a killed worker costs that chunk. A spreadsheet is made of that file at the end, row by row.
One export is worked at a time in a deployment, so that the loop's tasks always have the other workers.
"""

import csv
import fcntl
import io
import logging
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, Q, Value
from django.db.models.functions import Now
from django.utils import translation
from django.utils.translation import gettext as _
from openpyxl import Workbook

from dispatch.actors import Actor
from gridgov.common import audit, clock, replica, turns
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from grids.capabilities import Capability
from reporting import export_sources as sources
from reporting.models import Export

logger = logging.getLogger(__name__)

#: So many unfinished exports a person may have.
MOST = 3
#: A worker that says nothing for so long is taken for dead.
LEASE = timedelta(seconds=60)
#: To close a large spreadsheet takes its time in one piece.
PACKING_LEASE = timedelta(minutes=10)
#: A slice that failed is tried again after this; that often without any progress, and no more.
PAUSE = timedelta(seconds=30)
ATTEMPTS = 4
#: A sheet holds 1,048,576 rows.
SHEET_ROWS = 1_000_000
_CHECK_ROWS = 2000
_BOM = b"\xef\xbb\xbf"


class _Stopped(Exception):
    """The export was cancelled, or another worker has it."""


class _Busy(Exception):
    """Another process of this machine is in the middle of it; its lease is renewed."""


# --- asking -------------------------------------------------------------------------------------------------------


def start(
    *, by: Actor, user: Any, kind: str, form: str, title: str, query: Mapping[str, Any], address: str | None = None
) -> Export:
    """The export waits for a worker; who asked for what is in the audit trail.

    What ``by`` may see now is what it will hold. NotPermitted for who may see no cases, FieldError for a query that
    means nothing, Conflict where he has MOST unfinished ones.
    """
    if not by.may_somewhere(Capability.VIEW_INCIDENT):
        needed = Capability.VIEW_INCIDENT
        raise NotPermitted(_("此操作需要：%(needed)s") % {"needed": needed.label}, missing=needed.value)
    if form not in Export.Form.values:
        raise FieldError("form", _("没有这种格式"))
    now = clock.now()
    export = Export(
        user_id=by.user_id, kind=kind, form=form, title=title[:120], query=dict(query), scope=sources.scope_of(by),
        at=now, last_id=sources.newest_id(),
    )  # fmt: skip
    # a query that means nothing is refused here, not by a worker
    sources.source_of(export)
    with transaction.atomic():
        turns.wait_for(f"exports of {by.user_id}")
        if Export.objects.filter(user=by.user_id, state__in=Export.UNFINISHED).count() >= MOST:
            raise Conflict(_("你已有 %(count)d 个导出尚未完成，请等它们完成或取消") % {"count": MOST}, code="too_many")
        export.save(force_insert=True)
        audit.record(
            action="export_started", actor=user, obj=export, detail={"kind": kind, "form": form, "query": dict(query)},
            address=address, at=now,
        )  # fmt: skip
    return export


def exports_of(user_id: int | None) -> list[Export]:
    """The person's exports, the newest first."""
    return list(Export.objects.filter(user=user_id)[:50])


def export_for(export_id: Any, user_id: int | None) -> Export:
    """The person's export. NotFound for anybody else's."""
    found = Export.objects.filter(pk=export_id, user=user_id).first()
    if found is None:
        raise NotFound(_("没有这个导出"))
    return found


def cancel(*, export_id: Any, by: Actor, user: Any, address: str | None = None) -> None:
    """The export is cancelled and its file gone. Conflict if it is finished. NotFound for anybody else's."""
    export = export_for(export_id, by.user_id)
    with transaction.atomic():
        stopped = Export.objects.filter(pk=export.pk, state__in=Export.UNFINISHED).update(
            state=Export.State.CANCELLED, finished_at=clock.now(), lease=""
        )
        if not stopped:
            raise Conflict(_("这个导出已经结束"), code="finished")
        audit.record(action="export_cancelled", actor=user, obj=export, address=address)
    _remove(export)


def fetched(*, export_id: Any, by: Actor, user: Any, address: str | None = None) -> tuple[Export, BinaryIO]:
    """The export and its file, opened; that it was fetched is in the audit trail. NotFound where there is no file."""
    export = export_for(export_id, by.user_id)
    if export.state != Export.State.DONE or export.expires_at <= clock.now():
        raise NotFound(_("这个导出没有可下载的文件"))
    try:
        file = _final(export).open("rb")
    except FileNotFoundError:
        raise NotFound(_("文件已不在存储中。")) from None
    audit.record(action="export_fetched", actor=user, obj=export, detail={"rows": export.row_count}, address=address)
    return export, file


# --- working ------------------------------------------------------------------------------------------------------


def run_slice(*, patience: float = 5.0) -> bool:
    """An export that waits was worked on for about ``patience`` seconds; False if there was none to work on."""
    export = _take()
    if export is None:
        return False
    try:
        with translation.override(settings.LANGUAGE_CODE), _held(export):
            _work(export, patience)
    except _Busy:
        pass
    except _Stopped:
        _release(export)
        if not Export.objects.filter(pk=export.pk, state__in=Export.UNFINISHED).exists():
            _remove(export)
    except Exception as error:
        logger.exception("export %s failed", export.pk)
        _note_failure(export, error)
    else:
        _release(export)
    return True


def discard_old() -> int:
    """Files whose time is over are gone; how many."""
    now = clock.now()
    old = list(Export.objects.filter(state=Export.State.DONE, expires_at__lte=now)[:100])
    for export in old:
        _remove(export)
    return Export.objects.filter(pk__in=[one.pk for one in old]).update(state=Export.State.EXPIRED)


def _take() -> Export | None:
    """An unfinished export that nobody works on, ours for LEASE; None while any other is worked on.

    Who looks and takes does both in one turn: of two workers that look in one instant one finds the other's lease.
    """
    if not Export.objects.filter(state__in=Export.UNFINISHED).exists():
        return None
    with transaction.atomic():
        turns.wait_for("exports")
        return _take_in_turn()


def _take_in_turn() -> Export | None:
    unfinished = Export.objects.filter(state__in=Export.UNFINISHED)
    if unfinished.filter(~Q(lease=""), lease_until__gt=Now()).exists():
        return None
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=Now())
    for export in unfinished.filter(free).order_by(F("lease_until").asc(nulls_first=True), "at")[:3]:
        lease, before = uuid.uuid4().hex, export.lease
        taken = Export.objects.filter(free, pk=export.pk, state=export.state, lease=export.lease).update(
            lease=lease, lease_until=_in(LEASE), attempt_count=F("attempt_count") + 1
        )
        if taken:
            export.refresh_from_db()
            export.lease_before = before  # type: ignore[attr-defined]
            return export
    return None


def _in(span: timedelta) -> Any:
    return ExpressionWrapper(Now() + Value(span), output_field=DateTimeField())


def _work(export: Export, patience: float) -> None:
    if export.attempt_count > ATTEMPTS:
        raise RuntimeError(export.last_error or "no progress")
    if not export.user.is_active:
        _write(export, state=Export.State.CANCELLED, finished_at=clock.now())
        raise _Stopped
    began = time.monotonic()
    if export.state == Export.State.PACKING and _rows_path(export).stat().st_size < export.sure_bytes:
        # collected on another machine, or lost
        _write(export, state=Export.State.COLLECTING)
    if export.state != Export.State.PACKING:
        _collect(export, began + patience)
    if export.state == Export.State.PACKING:
        _pack(export)


def _collect(export: Export, until: float) -> None:
    """Chunks are added to the file until time is up or nothing is left."""
    source = sources.source_of(export)
    with _rows_path(export).open("r+b") as file:
        if os.fstat(file.fileno()).st_size < export.sure_bytes:
            # it was written on another machine, or lost: from the beginning
            export.mark = export.row_count = export.sure_bytes = 0
        file.truncate(export.sure_bytes)
        file.seek(export.sure_bytes)
        with _reading(export):
            total = source.count() if export.total_count is None else export.total_count
        if not export.sure_bytes:
            file.write(_BOM + _csv([list(source.columns())]))
        while True:
            with _reading(export):
                rows, mark = source.chunk(export.mark)
            if not rows:
                break
            file.write(_csv(rows))
            _sync(file)
            _write(
                export, state=Export.State.COLLECTING, total_count=max(total, export.row_count + len(rows)), mark=mark,
                row_count=export.row_count + len(rows), sure_bytes=file.tell(), attempt_count=0,
                lease_until=_in(LEASE),
            )  # fmt: skip
            if time.monotonic() >= until:
                return
        _sync(file)
        size = file.tell()
    if export.form == Export.Form.XLSX:
        _write(export, state=Export.State.PACKING, total_count=export.row_count, sure_bytes=size)
    else:
        _finish(export, _rows_path(export))


def _reading(export: Export) -> Any:
    """From the copy of the database where there is one, once it surely has all that there was at the start."""
    return replica.reading(after_write=clock.now() - export.at < timedelta(seconds=2 * settings.REPLICA_LAG_SECONDS))


def _pack(export: Export) -> None:
    """The rows of the file are a spreadsheet, a sheet for each million. Not in slices: begun again if interrupted."""
    part = _folder() / f"{export.pk}.part"
    book = Workbook(write_only=True)
    with _rows_path(export).open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        heads = next(reader)
        sheet, count = book.create_sheet(), 0
        sheet.append(heads)
        for row in reader:
            if count and count % SHEET_ROWS == 0:
                sheet = book.create_sheet()
                sheet.append(heads)
            sheet.append(row)
            count += 1
            if count % _CHECK_ROWS == 0:
                _write(export, packed_count=count, lease_until=_in(LEASE))
    _write(export, packed_count=count, lease_until=_in(PACKING_LEASE))
    book.save(part)
    _finish(export, part)
    _rows_path(export).unlink(missing_ok=True)


def _finish(export: Export, path: Path) -> None:
    size = path.stat().st_size
    path.replace(_final(export))
    now = clock.now()
    _write(
        export, state=Export.State.DONE, total_count=export.row_count, size=size, finished_at=now,
        expires_at=now + timedelta(hours=settings.EXPORT_KEPT_HOURS),
    )  # fmt: skip


def _write(export: Export, **values: Any) -> None:
    """The row has the values, if it is still ours and not cancelled; else _Stopped."""
    mine = Export.objects.filter(pk=export.pk, lease=export.lease, state=export.state)
    if not mine.update(**values):
        raise _Stopped
    for name, value in values.items():
        if name != "lease_until":
            setattr(export, name, value)


def _release(export: Export) -> None:
    """Anybody may take it; those that waited longer come first."""
    Export.objects.filter(pk=export.pk, lease=export.lease).update(lease="", lease_until=Now())


def _note_failure(export: Export, error: Exception) -> None:
    is_over = export.attempt_count >= ATTEMPTS
    ended = {"state": Export.State.FAILED, "finished_at": clock.now()} if is_over else {}
    Export.objects.filter(pk=export.pk, lease=export.lease, state__in=Export.UNFINISHED).update(
        lease="", lease_until=_in(PAUSE), last_error=f"{type(error).__name__}: {error}"[:300], **ended
    )
    if is_over:
        _remove(export)


# --- files --------------------------------------------------------------------------------------------------------


def _folder() -> Path:
    folder = Path(settings.EXPORT_ROOT)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _rows_path(export: Export) -> Path:
    return _folder() / f"{export.pk}.rows"


def _final(export: Export) -> Path:
    return _folder() / f"{export.pk}.{export.form}"


def _remove(export: Export) -> None:
    for path in (_rows_path(export), _final(export), _folder() / f"{export.pk}.part"):
        path.unlink(missing_ok=True)


@contextmanager
def _held(export: Export) -> Iterator[None]:
    """The file of the rows is there and no other process of this machine writes it: one that was only slow goes on."""
    with _rows_path(export).open("ab") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # no attempt of ours: it is the other's again
            Export.objects.filter(pk=export.pk, lease=export.lease).update(
                lease=export.lease_before,  # type: ignore[attr-defined]
                lease_until=_in(LEASE), attempt_count=F("attempt_count") - 1,
            )  # fmt: skip
            raise _Busy from None
        yield


def _sync(file: BinaryIO) -> None:
    """What was written is on the disk before the database says so."""
    file.flush()
    os.fsync(file.fileno())


def _csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "replace")
