"""Files that were damaged at random: a load command refuses them whole or loads them whole, and never crashes.

A valid file is changed by a few random edits of its bytes. ``make test-slow`` makes many more of them.
"""

import gzip
import json
import random
import time
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from gridgov.common.models import AuditEntry
from grids.models import Area, Component, Place, ServiceZone
from tests.grids.cities import make_city

pytestmark = pytest.mark.django_db

TABLES = (Area, Component, Place, ServiceZone, AuditEntry)
NASTY = (
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"'", b",", b"\n", b"\r\n", b"{", b"}", b"[", b"]", b"null", b"NaN",
    b"Infinity", b"-1e400", b"9" * 40, b"1e-400", b"\\ud800", b"\\u0000", "，".encode("gbk"), b"=cmd|'/c'!A1", b"%s",
    b"POLYGON EMPTY", b"GEOMETRYCOLLECTION EMPTY", b"true", b"[[[]]]", b"-", b"\xed\xa0\x80", b"x" * 5000, b"",
)  # fmt: skip

_RING = [[104.04, 36.0], [104.05, 36.0], [104.05, 36.01], [104.04, 36.01], [104.04, 36.0]]
_FEATURE = {
    "type": "Feature",
    "properties": {"code": "110102", "name": "乙区", "parent_code": "110100", "kind": "urban"},
    "geometry": {"type": "Polygon", "coordinates": [_RING]},
}
GEOJSON = json.dumps({"type": "FeatureCollection", "features": [_FEATURE]}, ensure_ascii=False).encode()
WKT = """code,name,wkt
110102,乙区,"POLYGON((104.04 36, 104.05 36, 104.05 36.01, 104.04 36.01, 104.04 36))"
""".encode()
COMPONENTS = """code,type_code,name,state,lon,lat,address,owner
1101010101000001,0101,上水井盖,完好,104.005,36.005,某路1号,水务
1101010118000002,0118,路灯,damaged,104.025,36.005,,
""".encode()
PLACES = """code,name,kind,address,lon,lat,organisation,phone
P1,幸福小学,学校,某路2号,104.005,36.005,教育局,010
P2,便民店,shop,,104.035,36.015,,
""".encode()
ZONES = """code,name,kind,areas
Z1,城管一片,city_management,110101001001001 110101001001002
""".encode()

#: command, its other arguments, name of the file, a file that is right or nearly so
LOADS = [
    ("load_areas", ("--root", "110100", "--level", "district"), "a.geojson", GEOJSON),
    ("load_areas", ("--root", "110100", "--level", "district"), "a.geojson.gz", GEOJSON),
    ("load_areas", ("--root", "110100", "--level", "district"), "a.csv", WKT),
    ("load_components", ("--root", "110100"), "c.csv", COMPONENTS),
    ("load_places", ("--root", "110100"), "p.csv", PLACES),
    ("load_zones", ("--root", "110100"), "z.csv", ZONES),
]


def damaged(content: bytes, chance: random.Random) -> bytes:
    """``content`` after one to four edits."""
    data = bytearray(content)
    for _edit in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        until = min(len(data), at + chance.choice((0, 1, 1, 3, 10, 40)))
        kind = chance.randrange(5)
        if kind == 0:
            data[at:until] = chance.choice(NASTY)
        elif kind == 1:
            data[at:until] = b""
        elif kind == 2:
            data[at:at] = data[at:until] * chance.choice((1, 2, 50))
        elif kind == 3 and data:
            data[min(at, len(data) - 1)] = chance.randrange(256)
        else:
            del data[at + chance.randrange(len(data) + 1 - at) :]
    return bytes(data)


def stored() -> list[list[dict]]:
    return [list(model.objects.order_by("pk").values()) for model in TABLES]


def load(command: str, options: tuple[str, ...], path: Path) -> bool:
    """Whether it was loaded; a CommandError is a refusal, anything else a crash."""
    try:
        call_command(command, str(path), *options, stdout=StringIO(), stderr=StringIO())
    except CommandError as refusal:
        if not str(refusal).strip():
            raise AssertionError("a refusal that does not say why") from refusal
        return False
    return True


def fuzz(command: str, options: tuple[str, ...], path: Path, content: bytes, *, seed: int, times: int) -> list[int]:
    """How many were loaded and refused. Each from the same beginning."""
    before, found = stored(), [0, 0]
    for n in range(times):
        chance = random.Random(f"{seed}-{n}")
        data = damaged(content, chance)
        if path.suffix == ".gz":
            data = damaged(gzip.compress(content, mtime=0), chance) if n % 2 else gzip.compress(data, mtime=0)
        path.write_bytes(data)
        try:
            with transaction.atomic():
                is_loaded = load(command, options, path)
                if not is_loaded:
                    assert stored() == before, "half a load was written"
                found[0 if is_loaded else 1] += 1
                transaction.set_rollback(True)
        except Exception as crash:
            raise AssertionError(f"seed {seed}-{n}: {data[:300]!r}") from crash
    return found


@pytest.mark.parametrize(("command", "options", "name", "content"), LOADS, ids=lambda value: str(value)[:14])
def test_file_as_it_is_can_be_loaded(tmp_path, command, options, name, content):
    make_city()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    before = stored()
    assert load(command, options, path)
    assert stored() != before


@pytest.mark.parametrize(("command", "options", "name", "content"), LOADS, ids=lambda value: str(value)[:14])
def test_damaged_file_is_refused_whole_or_loaded_whole(tmp_path, command, options, name, content):
    make_city()
    _loaded, refused = fuzz(command, options, tmp_path / name, content, seed=1, times=25)
    assert refused > 0


@pytest.mark.slow
@pytest.mark.parametrize(("command", "options", "name", "content"), LOADS, ids=lambda value: str(value)[:14])
def test_many_damaged_files_are_refused_whole_or_loaded_whole(tmp_path, command, options, name, content):
    make_city()
    fuzz(command, options, tmp_path / name, content, seed=int(time.time()), times=600)
