"""Uploads that were damaged at random: each is stored whole with its row, or refused and leaves nothing."""

import random
import time
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from gridgov.common.errors import FieldError
from incidents import attachments
from incidents.models import Attachment
from tests.grids.test_fuzz_loads import damaged

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)


def picture(form: str) -> bytes:
    content = BytesIO()
    chance = random.Random(1)
    image = Image.frombytes("RGB", (48, 32), bytes(chance.randrange(256) for _ in range(48 * 32 * 3)))
    exif = Image.Exif()
    exif[271] = "Camera"
    exif.get_ifd(34853)[2] = (36.0, 3.0, 30.0)
    image.save(content, form, exif=exif)
    return content.getvalue()


FILES = {
    "jpeg": lambda: picture("JPEG"),
    "png": lambda: picture("PNG"),
    "webp": lambda: picture("WEBP"),
    "pdf": lambda: b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n",
    "mp4": lambda: b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"\x00" * 100,
}


def fuzz(content: bytes, media: Path, *, seed: int, times: int) -> None:
    for n in range(times):
        data = damaged(content, random.Random(f"{seed}-{n}"))
        name = damaged("现场.jpg".encode(), random.Random(n)).decode("utf-8", "replace")
        kept = Attachment.objects.count()
        try:
            row = attachments.store(file=BytesIO(data), name=name, user_id=None, at=AT)
        except FieldError:
            assert Attachment.objects.count() == kept, (seed, n)
        except Exception as crash:
            raise AssertionError(f"seed {seed}-{n}: {data[:200]!r}") from crash
        else:
            assert Path(row.file.path).stat().st_size == row.size, (seed, n)
        assert sum(path.is_file() for path in media.rglob("*")) == Attachment.objects.count(), (seed, n)


@pytest.mark.parametrize("kind", FILES)
def test_damaged_upload_is_stored_whole_or_leaves_nothing(kind, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    fuzz(FILES[kind](), tmp_path, seed=1, times=40)


@pytest.mark.slow
@pytest.mark.parametrize("kind", FILES)
def test_many_damaged_uploads_are_stored_whole_or_leave_nothing(kind, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    fuzz(FILES[kind](), tmp_path, seed=int(time.time()), times=1500)
