"""A few small pictures, drawn once a process and stored anew for each use (a photo belongs to one case)."""

import io
from datetime import datetime
from functools import cache
from random import Random
from uuid import UUID

from PIL import Image, ImageDraw

from incidents import attachments

COUNT = 12
SIZE = (240, 180)


@cache
def _picture(index: int) -> bytes:
    """A street corner: sky, houses, road, and something lying on it. The same for the same number, always."""
    rng = Random(f"photo {index}")
    width, height = SIZE
    image = Image.new("RGB", SIZE, (rng.randint(150, 200), rng.randint(180, 215), 230))
    draw = ImageDraw.Draw(image)
    for left in range(0, width, 40):
        top, shade = rng.randint(40, 80), rng.randint(110, 190)
        draw.rectangle((left, top, left + 36, 120), fill=(shade, shade - 15, shade - 35))
    draw.rectangle((0, 120, width, height), fill=(95, 95, 98))
    draw.line((0, 150, width, 146), fill=(225, 225, 215), width=3)
    for _each in range(rng.randint(3, 8)):
        x, y, r = rng.randint(20, 200), rng.randint(122, 165), rng.randint(4, 13)
        draw.ellipse((x, y, x + 2 * r, y + r), fill=(rng.randint(60, 190), rng.randint(60, 150), rng.randint(40, 110)))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=70)
    return out.getvalue()


def stored(count: int, *, user_id: int | None, at: datetime, rng: Random) -> list[UUID]:
    """So many photos uploaded by the user, linked to no case yet; their ids."""
    return [
        attachments.store(
            file=io.BytesIO(_picture(rng.randrange(COUNT))), name="现场照片.jpg", user_id=user_id, at=at
        ).pk
        for _each in range(count)
    ]
