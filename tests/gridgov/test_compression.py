"""What is text is compressed for who can read it; photos and what is sent while it is made are not."""

import gzip

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory

from gridgov.compression import CompressText

GZIP = {"accept-encoding": "gzip"}
LONG = b"0123456789" * 100


def _passed(response: HttpResponse, path: str = "/files/1/") -> HttpResponse:
    request = RequestFactory(headers=GZIP).get(path)
    return CompressText(lambda _request: response)(request)


@pytest.mark.django_db
def test_page_is_compressed_for_who_says_that_he_can_read_it():
    answer = Client(headers=GZIP).get("/login/")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert "登录" in gzip.decompress(answer.content).decode()
    assert "Content-Encoding" not in Client().get("/login/").headers


@pytest.mark.django_db
def test_static_file_of_the_embedded_default_is_compressed():
    plain = b"".join(Client().get("/static/vendor/tabler/tabler.min.css"))
    answer = Client(headers=GZIP).get("/static/vendor/tabler/tabler.min.css")
    packed = b"".join(answer)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed) == plain
    assert len(packed) < len(plain) / 5


def test_json_is_compressed_and_a_photo_is_not():
    assert _passed(HttpResponse(LONG, content_type="application/json")).headers["Content-Encoding"] == "gzip"
    photo = _passed(HttpResponse(LONG, content_type="image/jpeg"))
    assert "Content-Encoding" not in photo.headers
    assert photo.content == LONG


def test_what_is_sent_while_it_is_made_passes_as_it_is():
    export = _passed(StreamingHttpResponse(iter([LONG]), content_type="text/csv"), "/exports/1/")
    assert "Content-Encoding" not in export.headers
    assert b"".join(export) == LONG


def test_what_is_compressed_already_is_not_compressed_again():
    outlines = HttpResponse(gzip.compress(LONG), content_type="application/json", headers={"Content-Encoding": "gzip"})
    assert gzip.decompress(_passed(outlines).content) == LONG
