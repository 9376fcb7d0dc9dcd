"""Files are judged by what they are; photos are written anew; a file belongs to one case."""

import os
import zlib
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from django.db import transaction
from PIL import ExifTags, Image

from gridgov.common.errors import FieldError
from incidents import attachments
from incidents.models import Attachment
from tests.worlds import World, make_photo, sample_image

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"\x00" * 100


@pytest.fixture(autouse=True)
def _media(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


def _store(content: bytes | BytesIO, name: str = "现场.jpg", user_id: int | None = None) -> Attachment:
    file = content if isinstance(content, BytesIO) else BytesIO(content)
    return attachments.store(file=file, name=name, user_id=user_id, at=AT)


def _refusal(content: bytes | BytesIO) -> str:
    with pytest.raises(FieldError) as caught:
        _store(content)
    assert caught.value.field == "file"
    assert not Attachment.objects.exists()
    return caught.value.code


def _exif(**gps: Any) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "SecretPhone"
    exif[ExifTags.Base.Orientation] = 6
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    inner[ExifTags.Base.DateTimeOriginal] = "2026:11:20 08:30:00"
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitudeRef] = gps.get("north", "N")
    place[ExifTags.GPS.GPSLatitude] = gps.get("lat", (36.0, 3.0, 18.0))
    place[ExifTags.GPS.GPSLongitudeRef] = gps.get("east", "E")
    place[ExifTags.GPS.GPSLongitude] = gps.get("lon", (103.0, 36.0, 18.0))
    return exif


def test_photo_is_written_anew_upright_and_without_metadata() -> None:
    stored = _store(sample_image(size=(64, 48), exif=_exif(), comment=b"secret comment"))
    assert (stored.kind, stored.width, stored.height) == ("image", 48, 64)
    assert (stored.lon, stored.lat) == pytest.approx((103.605, 36.055))
    assert stored.taken_at == datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
    content = stored.file.open("rb").read()
    assert b"Secret" not in content
    assert b"secret" not in content
    with Image.open(BytesIO(content)) as image:
        assert (image.format, image.size) == ("JPEG", (48, 64))
        assert dict(image.getexif()) == {}
        assert image.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert (stored.size, len(stored.sha256)) == (len(content), 64)


def test_southern_and_western_positions_are_negative() -> None:
    stored = _store(sample_image(exif=_exif(north="S", east="W")))
    assert (stored.lon, stored.lat) == pytest.approx((-103.605, -36.055))


@pytest.mark.parametrize("gps", [{"lat": (136.0, 0.0, 0.0)}, {"lat": (0, 0, 0), "lon": (0, 0, 0)}, {"lon": (1.0, 2.0)}])
def test_impossible_position_is_dropped(gps: dict[str, Any]) -> None:
    stored = _store(sample_image(exif=_exif(**gps)))
    assert (stored.lon, stored.lat) == (None, None)


@pytest.mark.parametrize("said", ["0000:00:00 00:00:00", "yesterday", "2026:13:40 99:99:99"])
def test_impossible_time_is_dropped(said: str) -> None:
    exif = _exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = said
    assert _store(sample_image(exif=exif)).taken_at is None


def test_large_photo_is_made_smaller() -> None:
    stored = _store(sample_image(size=(5200, 1300)))
    assert (stored.width, stored.height) == (2560, 640)


def test_transparent_picture_stays_transparent() -> None:
    file = BytesIO()
    Image.new("RGBA", (20, 10), (10, 20, 30, 100)).save(file, "PNG")
    stored = _store(file)
    assert stored.file.name.endswith(".webp")
    with Image.open(stored.file.open("rb")) as image:
        assert (image.format, image.mode) == ("WEBP", "RGBA")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_kind_of_photo_is_known_by_its_content(kind: str) -> None:
    assert _store(sample_image(kind), name="x.exe").kind == "image"


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "1"])
def test_photo_of_any_colours_is_kept(mode: str) -> None:
    file = BytesIO()
    Image.new(mode, (20, 10)).save(file, "JPEG" if mode in ("L", "CMYK") else "PNG")
    assert _store(file).width == 20


def test_file_is_refused_for_what_it_is(settings: Any) -> None:
    assert _refusal(b"") == "empty"
    assert _refusal(b"MZ\x90\x00" + b"\0" * 200) == "unknown_type"
    assert _refusal(b"<svg xmlns='http://www.w3.org/2000/svg'/>") == "unknown_type"
    assert _refusal(sample_image().getvalue()[:300]) == "broken"
    assert _refusal(sample_image("PNG").getvalue()[:60]) == "broken"
    assert _refusal(b"%PDF-1.7 no end") == "broken"
    settings.ATTACHMENT_PIXELS = 1000
    assert _refusal(sample_image(size=(50, 50))) == "too_many_pixels"
    settings.ATTACHMENT_PDF_MB = 0.00001
    assert _refusal(PDF) == "too_large"
    settings.ATTACHMENT_VIDEO_MB = 0.00001
    assert _refusal(MP4) == "too_large"
    assert not [name for _folder, _folders, names in os.walk(settings.MEDIA_ROOT) for name in names]


def test_decompression_bomb_is_refused_undecoded() -> None:
    # 30,000 × 30,000 pixels said in the head of a file of a few hundred bytes
    head = bytearray(sample_image("PNG").getvalue())
    head[16:24] = (30_000).to_bytes(4, "big") * 2
    head[29:33] = zlib.crc32(bytes(head[12:29])).to_bytes(4, "big")
    assert _refusal(bytes(head)) == "too_many_pixels"


def test_pdf_and_film_are_kept_as_they_came() -> None:
    for content, kind, ending in ((PDF, "pdf", ".pdf"), (MP4, "video", ".mp4")):
        stored = _store(content, name="../../etc/报告\x00.html")
        assert (stored.kind, stored.name) == (kind, "报告.html")
        assert stored.file.name.endswith(f"{stored.pk}{ending}")
        assert stored.file.open("rb").read() == content


def test_claim_takes_own_unlinked_files_once(world: World) -> None:
    number = world.report()
    case, me, other = world.case(number), world.people["acceptor"], world.people["acceptor_2"]
    mine, others = make_photo(me), make_photo(other)
    for wrong in ([others], [mine, others], [mine, "6d8225f7-ba6a-4292-8e39-ab71951b9c99"]):
        with pytest.raises(FieldError) as caught, transaction.atomic():
            attachments.claim(wrong, incident_id=case.pk, entry_seq=1, user_id=me.pk)
        assert caught.value.field == "attachments"
        assert not Attachment.objects.filter(incident__isnull=False).exists()
    attachments.claim([mine, mine], incident_id=case.pk, entry_seq=1, user_id=me.pk)
    assert Attachment.objects.get(pk=mine).incident_id == case.pk
    with pytest.raises(FieldError), transaction.atomic():
        attachments.claim([mine], incident_id=case.pk, entry_seq=2, user_id=me.pk)
    attachments.claim([], incident_id=case.pk, entry_seq=2, user_id=me.pk)


def test_file_is_served_to_who_may_see_its_case(world: World) -> None:
    acceptor = world.client("acceptor")
    answer = acceptor.post("/api/v1/attachments/", {"file": sample_image(exif=_exif())}, format="multipart")
    said = answer.json()
    assert answer.status_code == 201
    assert said["sha256"] == Attachment.objects.get(pk=said["id"]).sha256
    assert (said["lon"], said["taken_at"]) == (pytest.approx(103.605), "2026-11-20T00:30:00Z")
    address = f"/api/v1/attachments/{said['id']}/"
    assert acceptor.get(address).status_code == 200
    assert world.client("leader").get(address).status_code == 404  # nobody else's until it is in a case
    number = world.report(attachments=[said["id"]])
    [shown] = acceptor.get(f"/api/v1/incidents/{number}/").json()["attachments"]
    assert (shown["id"], shown["entry_seq"]) == (said["id"], 1)
    assert shown["url"].endswith(address)
    served = world.client("leader").get(address)
    assert served.status_code == 200
    assert served["Content-Type"] == "image/jpeg"
    assert served["Content-Disposition"].startswith("inline")
    assert served["X-Content-Type-Options"] == "nosniff"
    assert served["Cache-Control"].startswith("private")
    assert world.client().get(address).status_code == 401
    assert world.client("acceptor_b").get(address).status_code == 404


@pytest.mark.parametrize(("content", "kind"), [(PDF, "application/pdf"), (MP4, "video/mp4")])
def test_pdf_and_film_are_served_as_downloads(world: World, content: bytes, kind: str) -> None:
    file = BytesIO(content)
    file.name = "说明.html"
    client = world.client("acceptor")
    pk = client.post("/api/v1/attachments/", {"file": file}, format="multipart").json()["id"]
    served = client.get(f"/api/v1/attachments/{pk}/")
    assert served["Content-Type"] == kind
    assert served["Content-Disposition"].startswith("attachment")
    assert ".html" not in served["Content-Disposition"]
    assert served["X-Content-Type-Options"] == "nosniff"
    assert b"".join(served.streaming_content) == content


def test_discard_unlinked_leaves_what_a_case_has_and_what_is_new(world: World) -> None:
    user = world.people["acceptor"]
    old, linked, new = (Attachment.objects.get(pk=make_photo(user)) for _ in range(3))
    number = world.report(attachments=(linked.pk,))
    week_ago = old.uploaded_at.replace(year=2020)
    Attachment.objects.filter(pk__in=[old.pk, linked.pk]).update(uploaded_at=week_ago)
    path = old.file.path
    assert attachments.discard_unlinked(before=new.uploaded_at) == 1
    assert not os.path.exists(path)
    assert set(Attachment.objects.values_list("pk", flat=True)) == {linked.pk, new.pk}
    assert world.case(number).attachments.get().pk == linked.pk
