"""Photos and files of cases."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_file_is_for_those_who_see_its_case(world, sign_in):
    mine = world.photo("acceptor")
    world.report(attachments=[mine])
    path = f"/files/{mine}/"
    assert Client().get(path).status_code == 302
    assert sign_in("acceptor_b").get(path).status_code == 404
    response = sign_in("dispatcher").get(path)
    assert response.status_code == 200
    assert response["Content-Type"] == "image/jpeg"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response["Content-Disposition"].startswith("inline")
    again = sign_in("dispatcher").get(path, headers={"If-None-Match": response["ETag"]})
    assert again.status_code == 304


def test_file_without_a_case_is_its_uploaders(world, sign_in):
    mine = world.photo("acceptor")
    assert sign_in("acceptor").get(f"/files/{mine}/").status_code == 200
    assert sign_in("acceptor_2").get(f"/files/{mine}/").status_code == 404
