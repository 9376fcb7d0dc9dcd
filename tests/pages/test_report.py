"""Reporting, by the worker and by the desk."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from dispatch import drafts
from dispatch.models import Draft
from grids.models import Component
from incidents.models import Attachment, Incident
from tests.worlds import sample_image

pytestmark = pytest.mark.django_db


def body(world, **values):
    lon, lat = world.point()
    return {
        "source": "worker",
        "category": "0201",
        "description": "路边有垃圾",
        "lon": lon,
        "lat": lat,
        "key": "k1",
    } | values


def test_worker_reports_with_a_photo_and_sees_the_number(world, sign_in):
    client = sign_in("grid_worker")
    photo = SimpleUploadedFile("现场.jpg", sample_image().read(), "image/jpeg")
    response = client.post("/report/", body(world, attachments=[photo]))
    case = Incident.objects.get()
    assert response.url == f"/report/done/{case.number}/"
    assert case.number in client.get(response.url).text
    assert (case.source, case.grid.code, case.reported_by) == ("worker", "620901001001001", world.people["grid_worker"])
    assert Attachment.objects.get().incident == case


def test_form_sent_twice_makes_one_case(world, sign_in):
    client = sign_in("grid_worker")
    first = client.post("/report/", body(world))
    assert client.post("/report/", body(world)).url == first.url
    assert Incident.objects.count() == 1
    changed = client.post("/report/", body(world, description="另一处"))
    assert changed.status_code == 409
    assert "另一处" in changed.text
    assert Incident.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"category": ""}, "请选择类别"),
        ({"lon": "36.06", "lat": "103.61"}, "写反了"),
        ({"lon": "104.9", "lat": "36.06"}, "不在任何城市"),
        ({"lon": "一百"}, "请填数字"),
        ({"lat": ""}, "经度和纬度须一起给出"),
        ({"component": "NOSUCH"}, "没有这个部件"),
        ({"description": "长" * 2001}, "2000"),
    ],
)
def test_wrong_input_is_said_and_everything_typed_is_kept(world, sign_in, wrong, message):
    response = sign_in("grid_worker").post("/report/", body(world, address="福利西路 128 号", **wrong))
    assert response.status_code == 400
    assert message in response.text
    assert 'value="福利西路 128 号"' in response.text
    assert Incident.objects.count() == 0


def test_broken_photo_is_refused_by_name_and_the_others_are_kept(world, sign_in):
    files = [
        SimpleUploadedFile("好.jpg", sample_image().read(), "image/jpeg"),
        SimpleUploadedFile("空.jpg", b"", "image/jpeg"),
    ]
    response = sign_in("grid_worker").post("/report/", body(world, attachments=files))
    assert response.status_code == 400
    assert Incident.objects.count() == 0


def test_desk_reports_for_a_caller_and_gets_the_link_for_him(world, sign_in):
    client = sign_in("acceptor")
    response = client.post(
        "/report/", body(world, source="hotline", reporter_name="王女士", reporter_phone="13893122716"), follow=True
    )
    case = Incident.objects.get()
    assert (case.source, case.reporter.name) == ("hotline", "王女士")
    assert f"/r/{case.reporter.token}/" in response.text
    bad = client.post("/report/", body(world, source="hotline", reporter_phone="打不通", key="k2"))
    assert "电话号码不对" in bad.text


def test_report_in_threes(world, sign_in):
    assert sign_in("dispatcher").get("/report/").status_code == 403
    assert sign_in("dispatcher").post("/report/", body(world)).status_code == 403
    forged = sign_in("acceptor").post("/report/", body(world, source="worker"))
    assert forged.status_code == 400  # the desk does not patrol
    assert Incident.objects.count() == 0
    assert sign_in("grid_worker").get("/report/").status_code == 200


@pytest.mark.parametrize(
    ("lon", "lat", "words"),
    [(103.605, 36.055, "甲一西第1网格"), (36.055, 103.605, "写反"), (0, 0, "不在任何城市"), ("x", "y", "")],
)
def test_place_says_where_a_position_lies(sign_in, lon, lat, words):
    response = sign_in("grid_worker").get("/report/place/", {"lon": lon, "lat": lat})
    assert response.status_code == 200
    assert words in response.text


def test_ten_megabytes_of_text_are_refused_and_nothing_is_written(world, sign_in):
    response = sign_in("grid_worker").post("/report/", body(world, description="长" * 3_500_000))
    assert response.status_code == 400
    assert Incident.objects.count() == 0


def test_desk_finds_places_by_words_and_others_do_not(world, sign_in):
    lon, lat = world.point()
    for grid, code in (("620901001001001", "6209010102000001"), ("620902001001001", "6209020102000001")):
        x, y = world.point(grid)
        Component.objects.create(
            root=world.root, code=code, type_code="0102", name="路灯", lon=x, lat=y, area=world.areas[grid],
            address="西固中路 302 号",
        )  # fmt: skip
    client = sign_in("acceptor")
    found = client.get("/report/where/", {"text": "中路 302"}).json()["results"]
    # the lamp of 乙区 is not theirs to know of
    assert [(one["kind"], one["key"], one["lon"], one["lat"]) for one in found] == [
        ("component", "6209010102000001", lon, lat)
    ]
    named = client.get("/report/where/", {"text": "甲一街道"}).json()["results"]
    assert ("area", "甲区甲一街道") in {(one["kind"], one["label"]) for one in named}
    assert client.get("/report/where/", {"text": "x"}).json()["results"] == []
    assert sign_in("grid_worker").get("/report/where/", {"text": "中路"}).status_code == 403


def test_desk_draft_comes_back_and_is_gone_when_sent(world, sign_in):
    client = sign_in("acceptor")
    photo = world.photo("acceptor")
    content = {"description": "路边堆放垃圾", "category": "0201", "kept": f"{photo}"}
    drafts.save(by=world.actor("acceptor"), key="report", content=content)
    page = client.get("/report/")
    assert "路边堆放垃圾" in page.text
    assert page.context["kept_ids"] == str(photo)
    assert "路边堆放垃圾" not in sign_in("acceptor_2").get("/report/").text
    client.post("/report/", body(world, source="hotline", kept=str(photo)))
    assert Attachment.objects.get().incident == Incident.objects.get()
    assert not Draft.objects.exists()


def test_report_of_the_same_thing_is_merged_and_the_desk_is_told(world, sign_in):
    first = world.report()
    client = sign_in("acceptor")
    response = client.post("/report/", body(world, source="hotline", same_as=first), follow=True)
    second = Incident.objects.order_by("id").last()
    assert (second.status, second.parent.number) == ("merged", first)
    assert f"已并入案件 {first}" in response.text
    away = client.post("/report/", body(world, source="hotline", same_as="NOSUCH", key="k2"), follow=True)
    assert "没有并入" in away.text
    assert Incident.objects.order_by("id").last().status == "reported"  # the report itself is not lost


def test_desk_form_takes_few_statements(world, sign_in, statements):
    world.report()
    assert statements(sign_in("acceptor"), "/report/") <= 3
