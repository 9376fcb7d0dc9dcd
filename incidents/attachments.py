"""Receiving photos and files: checked by what they are, not by what they are called. The only writer of Attachment.

Photos are decoded and written anew, so that nothing a camera or a sender hid in them is kept: position and time go
into columns, the rest is gone. PDF and MP4 are kept as they came and only ever served as downloads.
"""

import hashlib
import io
import re
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.files.base import ContentFile
from django.utils.translation import gettext as _
from PIL import ExifTags, Image, ImageOps

from gridgov.common.errors import FieldError
from incidents.models import Attachment

MB = 1024 * 1024
IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF")
_CHUNK = 256 * 1024
_OFFSET = re.compile(r"^([+-])(\d\d):(\d\d)$")

CONTENT_TYPES = {".jpg": "image/jpeg", ".webp": "image/webp", ".pdf": "application/pdf", ".mp4": "video/mp4"}


def limit(kind: str) -> int:
    """The most bytes that a file of the kind may have: settings ``ATTACHMENT_IMAGE_MB``, ``_PDF_MB``, ``_VIDEO_MB``."""
    default = {"image": 30, "pdf": 20, "video": 100}[kind]
    return int(getattr(settings, f"ATTACHMENT_{kind.upper()}_MB", default) * MB)


@dataclass(frozen=True, slots=True)
class _Photo:
    """A photo written anew, and what its camera said."""

    content: bytes
    extension: str
    width: int
    height: int
    taken_at: datetime | None
    lon: float | None
    lat: float | None


def store(*, file: Any, name: str, user_id: int | None, at: datetime) -> Attachment:
    """The file is stored and has its row, linked to no case yet. Call outside any transaction: decoding takes time.

    ``file`` is open for reading bytes. FieldError(``file``) for what is empty, broken, too large or of no known kind;
    then nothing is kept.
    """
    head = _head(file)
    kind = _kind_of(head)
    size = _size(file)
    if size > limit(kind):
        message = _("文件超过%(limit)d MB") % {"limit": limit(kind) // MB}
        raise FieldError("file", message, code="too_large")
    name = _clean_name(name)
    if kind == Attachment.Kind.IMAGE:
        photo = _photo(file)
        return _save(
            Attachment(
                kind=kind, name=name, width=photo.width, height=photo.height, taken_at=photo.taken_at,
                lon=photo.lon, lat=photo.lat, uploaded_by_id=user_id, uploaded_at=at,
            ),
            ContentFile(photo.content),
            photo.extension,
            hashlib.sha256(photo.content).hexdigest(),
            len(photo.content),
        )  # fmt: skip
    if kind == Attachment.Kind.PDF and b"%%EOF" not in _tail(file):
        raise FieldError("file", _("PDF文件不完整"), code="broken")
    extension = ".pdf" if kind == Attachment.Kind.PDF else ".mp4"
    row = Attachment(kind=kind, name=name, uploaded_by_id=user_id, uploaded_at=at)
    return _save(row, file, extension, _digest(file), size)


def claim(ids: Collection[uuid.UUID], *, incident_id: int, entry_seq: int, user_id: int | None) -> None:
    """The attachments belong to the case, brought by its entry ``entry_seq``. Call inside the entry's transaction.

    One guarded UPDATE. FieldError(``attachments``) unless every one of ``ids`` was there, linked to no case, and
    uploaded by that user; the caller's transaction then comes to nothing.
    """
    wanted = set(ids)
    if not wanted:
        return
    mine = Attachment.objects.filter(pk__in=wanted, incident__isnull=True, uploaded_by=user_id)
    if mine.update(incident_id=incident_id, entry_seq=entry_seq) != len(wanted):
        raise FieldError("attachments", _("附件不存在、不是您上传的或已被使用"), code="not_yours")


# --- looking ----------------------------------------------------------------------------------------------------


def discard_unlinked(*, before: datetime, limit: int = 500) -> int:
    """Files uploaded before that instant which no case ever took are gone, rows and contents; how many."""
    gone = 0
    for row in Attachment.objects.filter(incident__isnull=True, uploaded_at__lt=before).order_by("uploaded_at")[:limit]:
        # the row first, guarded: a case may take the file at this moment
        if Attachment.objects.filter(pk=row.pk, incident__isnull=True).delete()[0]:
            row.file.delete(save=False)
            gone += 1
    return gone


def _head(file: Any) -> bytes:
    file.seek(0)
    head = file.read(64)
    file.seek(0)
    if not head:
        raise FieldError("file", _("文件是空的"), code="empty")
    return head


def _tail(file: Any) -> bytes:
    file.seek(max(0, _size(file) - 4096))
    tail = file.read()
    file.seek(0)
    return tail


def _size(file: Any) -> int:
    size = file.seek(0, io.SEEK_END)
    size = file.tell() if size is None else size
    file.seek(0)
    return size


def _kind_of(head: bytes) -> str:
    if head.startswith(b"%PDF-"):
        return Attachment.Kind.PDF
    if head[4:8] == b"ftyp":
        # one family of boxes: what says "heic" or "avif" is a picture, the rest is a film
        if head[8:12] in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"):
            return Attachment.Kind.IMAGE
        return Attachment.Kind.VIDEO
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return Attachment.Kind.IMAGE
    raise FieldError("file", _("只接受照片（JPEG、PNG、WebP）、PDF和MP4文件"), code="unknown_type")


def _clean_name(name: str) -> str:
    """The last part of the name without control characters, at most 120 characters: it is only ever shown."""
    last = re.split(r"[\\/]", name)[-1]
    return "".join(c for c in last if c.isprintable())[-120:].strip()


# --- photos -----------------------------------------------------------------------------------------------------


def _photo(file: Any) -> _Photo:
    try:
        with Image.open(file, formats=_readable()) as image:
            return _again(image)
    except FieldError:
        raise
    except Image.DecompressionBombError as error:
        raise FieldError("file", _("照片的像素过多"), code="too_many_pixels") from error
    except Exception as error:  # a decoder fails on broken bytes in many ways, none of them ours
        raise FieldError("file", _("照片已损坏或格式不受支持"), code="broken") from error


def _readable() -> list[str]:
    Image.init()
    return [name for name in IMAGE_FORMATS if name in Image.OPEN]


def _again(image: Image.Image) -> _Photo:
    pixels = getattr(settings, "ATTACHMENT_PIXELS", 64_000_000)
    if image.width * image.height > pixels:
        raise FieldError("file", _("照片的像素过多"), code="too_many_pixels")
    exif = image.getexif()
    taken_at, (lon, lat) = _taken_at(exif), _position(exif)
    edge = getattr(settings, "ATTACHMENT_EDGE", 2560)
    image.draft("RGB", (edge, edge))  # a JPEG is decoded no larger than needed
    image.load()
    upright = ImageOps.exif_transpose(image)
    has_alpha = upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info
    upright = upright.convert("RGBA" if has_alpha else "RGB")
    upright.thumbnail((edge, edge))
    clean = Image.new(upright.mode, upright.size)  # pixels alone: no profile, comment or thumbnail comes along
    clean.paste(upright)
    out = io.BytesIO()
    if has_alpha:
        clean.save(out, "WEBP", quality=85)
    else:
        clean.save(out, "JPEG", quality=85, optimize=True)
    extension = ".webp" if has_alpha else ".jpg"
    return _Photo(out.getvalue(), extension, clean.width, clean.height, taken_at, lon, lat)


def _taken_at(exif: Image.Exif) -> datetime | None:
    """The camera's time in UTC; without an offset of its own it is taken for the deployment's local time."""
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    text = str(inner.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime) or "").strip("\x00 ")
    try:
        local = datetime.strptime(text, "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - its zone follows
    except ValueError:
        return None
    offset = _OFFSET.match(str(inner.get(ExifTags.Base.OffsetTimeOriginal) or "").strip("\x00 "))
    try:
        if offset is None:
            return local.replace(tzinfo=ZoneInfo(settings.TIME_ZONE)).astimezone(UTC)
        sign, hours, minutes = offset.groups()
        ahead = timedelta(hours=int(hours), minutes=int(minutes)) * (1 if sign == "+" else -1)
        return (local - ahead).replace(tzinfo=UTC)
    except (OverflowError, ValueError):
        return None


def _position(exif: Image.Exif) -> tuple[float | None, float | None]:
    """lon, lat in degrees (WGS-84, as EXIF has it), or None, None where it is missing or off the earth."""
    gps: Mapping[int, Any] = exif.get_ifd(ExifTags.IFD.GPSInfo)
    lat = _degrees(gps.get(ExifTags.GPS.GPSLatitude), gps.get(ExifTags.GPS.GPSLatitudeRef), "S")
    lon = _degrees(gps.get(ExifTags.GPS.GPSLongitude), gps.get(ExifTags.GPS.GPSLongitudeRef), "W")
    if lon is None or lat is None or not (-180 <= lon <= 180 and -90 <= lat <= 90) or (lon == 0 and lat == 0):
        return None, None
    return round(lon, 7), round(lat, 7)


def _degrees(parts: Any, reference: Any, negative: str) -> float | None:
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    value = degrees + minutes / 60 + seconds / 3600
    return -value if str(reference).strip("\x00 ").upper() == negative else value


# --- keeping ----------------------------------------------------------------------------------------------------


def _digest(file: Any) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def _save(row: Attachment, content: Any, extension: str, sha256: str, size: int) -> Attachment:
    row.sha256, row.size = sha256, size
    if not hasattr(content, "chunks"):
        content.seek(0)
        content = ContentFile(content.read())
    # the stored name is ours alone: nothing of the sender's is ever a path
    row.file.save(f"{row.id}{extension}", content, save=False)
    try:
        row.save(force_insert=True)
    except BaseException:
        row.file.delete(save=False)
        raise
    return row
