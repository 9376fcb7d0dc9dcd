"""The public: a report by QR code, and the reporter's link."""

import json
import re
from datetime import timedelta
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from gridgov.common import clock
from grids.models import Component
from incidents.models import Attachment, Incident, JournalEntry
from tests.worlds import sample_image

pytestmark = pytest.mark.django_db


@pytest.fixture
def component(world):
    lon, lat = world.point()
    return Component.objects.create(
        root=world.root, code="6209010102000001", type_code="0102", name="路灯", lon=lon, lat=lat,
        area=world.areas["620901001001001"], address="西固中路 302 号",
    )  # fmt: skip


def closed(world, *, at=None):
    """A case of a caller that is closed; its number and the token of his link."""
    number = world.carry("handled", reporter_name="王女士", reporter_phone="13893122716")
    world.perform(number, "request_verification", "acceptor", verifier=world.people["grid_worker"].pk)
    world.perform(number, "pass", "grid_worker", note="已恢复", attachments=[world.photo("grid_worker")])
    world.perform(number, "close", "duty_chief", at=at)
    return number, world.case(number).reporter.token


def test_scan_reports_without_an_account_and_leads_to_the_link(world, component):
    client = Client()
    path = f"/c/{component.qr_token}/"
    assert "路灯" in client.get(path).text
    photo = SimpleUploadedFile("灯.jpg", sample_image().read(), "image/jpeg")
    response = client.post(path, {"source": "qr", "category": "0102", "description": "灯不亮", "attachments": [photo]})
    case = Incident.objects.get()
    assert (case.source, case.component, case.grid.code) == ("qr", component, "620901001001001")
    assert response.url == f"/r/{case.reporter.token}/"
    page = client.get(response.url)
    assert "已收到，等待受理" in page.text
    assert page["X-Robots-Tag"] == "noindex, nofollow"
    shot = Attachment.objects.get()
    assert client.get(f"/r/{case.reporter.token}/files/{shot.pk}/").status_code == 200
    assert client.get(f"/files/{shot.pk}/").status_code == 302  # that one is for people with an account


def test_scan_lists_categories_by_their_class_and_can_be_searched_by_initials(component):
    page = Client().get(f"/c/{component.qr_token}/").text
    assert '<optgroup label="公用设施">' in page
    assert '<option value="0102" selected>路灯</option>' in page
    assert "js/report.js" in page
    rows = json.loads(unescape(re.search(r'data-categories="([^"]*)"', page)[1]))
    assert ["0102", "路灯", "公用设施", "|ld"] in rows


def test_scan_shows_the_components_category_as_chosen_and_the_list_behind_it(component):
    path = f"/c/{component.qr_token}/"
    page = Client().get(path).text
    assert "<b data-chosen>路灯</b>" in page
    assert "换一个类别</summary>" in page
    # sent without one it asks again, and nothing is chosen
    page = Client().post(path, {"source": "qr", "category": "", "description": "灯不亮"}).text
    assert "data-chosen" not in page
    assert "请选择类别" in page
    Component.objects.update(type_code="9999")
    page = Client().get(path).text
    assert "data-chosen" not in page
    assert 'name="category"' in page


def test_scan_keeps_the_category_that_was_chosen_in_its_place(component):
    given = {"source": "qr", "category": "0101", "reporter_phone": "x" * 40}
    page = Client().post(f"/c/{component.qr_token}/", given).text
    assert "<b data-chosen>井盖缺失</b>" in page


def test_scan_says_who_runs_it_where_it_stands_and_in_two_languages(component):
    page = Client().get(f"/c/{component.qr_token}/").text
    assert "由甲一街道网格治理指挥中心受理" in page
    assert "12345" in page
    assert 'action="/language/"' in page
    assert "甲区甲一街道甲一西社区甲一西第1网格 · 西固中路 302 号" in page
    Component.objects.update(address="甲一街道甲一西社区")  # nothing but what stands there already
    page = Client().get(f"/c/{component.qr_token}/").text
    assert page.count("甲一西社区") == 1


def test_scan_of_an_unknown_code_is_not_found(world):
    assert Client().get("/c/no-such-code/").status_code == 404


def test_scan_takes_no_other_source_or_place(world, component):
    lon, lat = world.point("620902001001001")
    Client().post(
        f"/c/{component.qr_token}/",
        {"source": "leader", "category": "0102", "component": "X", "lon": lon, "lat": lat},
    )
    assert not Incident.objects.exclude(source="qr").exists()


def test_scan_too_often_is_refused_and_the_words_are_kept(world, component):
    client = Client()
    given = {"source": "qr", "category": "0102", "description": "灯不亮了"}
    for _time in range(6):
        assert client.post(f"/c/{component.qr_token}/", given).status_code == 302
    response = client.post(f"/c/{component.qr_token}/", given)
    assert response.status_code == 429
    assert "灯不亮了" in response.text
    assert Incident.objects.count() == 6


def test_link_says_the_state_in_plain_words_and_names_nobody(world):
    number, token = closed(world)
    page = Client().get(f"/r/{token}/").text
    for words in ("已办结，请评价", "你对结果满意吗", "问题没有解决", number):
        assert words in page, words
    for name in ("市政经办", "派遣甲", "网格员甲", "13893122716", "市政设施科"):
        assert name not in page, name
    assert Client().get(f"/r/{token[::-1]}0/").status_code == 404
    assert Client().get(f"/cases/{number}/").status_code == 302


def test_link_shows_the_reporters_own_words_and_the_component(world, component):
    given = {"source": "qr", "category": "0102", "description": "三天不亮\n请来看看"}
    path = Client().post(f"/c/{component.qr_token}/", given).url
    number = Incident.objects.get().number
    for _time in range(2):
        page = Client().get(path).text
        assert "你上报的情况" in page
        assert "三天不亮\n请来看看" in page
        assert f"路灯（{component.code}） · 西固中路 302 号" in page
        assert "<h1>路灯</h1>" in page
        assert 'action="/language/"' in page
        # what the desk writes in its place is not his
        world.perform(number, "amend", "acceptor", description="王女士称路灯不亮", reason="电话核实")
    assert "王女士称" not in Client().get(path).text


def test_link_does_not_show_what_the_desk_wrote_down_for_a_caller(world):
    number = world.report(description="来电人情绪激动", reporter_name="王女士", reporter_phone="13893122716")
    page = Client().get(f"/r/{world.case(number).reporter.token}/").text
    assert "来电人情绪激动" not in page
    assert "你上报的情况" not in page


def test_reporter_judges_once(world):
    number, token = closed(world)
    version = world.case(number).version
    path = f"/r/{token}/evaluate/"
    assert Client().post(path, {"version": version}).status_code == 400
    assert Client().post(path, {"version": version, "result": "satisfied"}).status_code == 302
    assert (world.case(number).status, world.case(number).evaluation) == ("evaluated", "satisfied")
    assert JournalEntry.objects.filter(incident__number=number).last().channel == "link"
    assert Client().post(path, {"version": version, "result": "unsatisfied"}).status_code == 409
    assert "你的评价：满意" in Client().get(f"/r/{token}/").text


def test_link_no_longer_says_why_a_case_was_once_rejected(world, monkeypatch):
    report = world.report

    def once_rejected(**values):
        number = report(**values)
        world.perform(number, "reject", "acceptor", reason="unclear", note="地点不详")
        assert "地点不详" in Client().get(f"/r/{world.case(number).reporter.token}/").text
        world.perform(number, "reinstate", "duty_chief", reason="补充了地点")
        return number

    monkeypatch.setattr(world, "report", once_rejected)
    _number, token = closed(world)
    page = Client().get(f"/r/{token}/").text
    assert "已办结，请评价" in page
    assert "地点不详" not in page
    assert "信息不全" not in page


def test_reporter_reopens_within_the_days(world):
    number, token = closed(world)
    version = world.case(number).version
    bad = Client().post(f"/r/{token}/reopen/", {"version": version, "reason": ""})
    assert bad.status_code == 400
    assert Client().post(f"/r/{token}/reopen/", {"version": version, "reason": "又堆上了"}).status_code == 302
    assert world.case(number).status == "filed"


def test_reporter_is_not_offered_to_reopen_after_the_days(world):
    number, token = closed(world)
    Incident.objects.filter(number=number).update(closed_at=clock.now() - timedelta(days=16))
    page = Client().get(f"/r/{token}/").text
    assert "问题没有解决" not in page
    late = Client().post(f"/r/{token}/reopen/", {"version": world.case(number).version, "reason": "又堆上了"})
    assert late.status_code == 409
    assert "结案已超过15天" in late.text


def test_link_allows_nothing_else(world):
    number, token = closed(world)
    for action in ("accept", "note", "close", "void"):
        assert Client().post(f"/r/{token}/{action}/", {"note": "x"}).status_code == 404
    assert not re.search(rf'action="/cases/{number}', Client().get(f"/r/{token}/").text)


def _filled(path: str, client: Client, **more):
    """What a person sends of the form that this page gave him, with a photo."""
    key = re.search(r'name="key" value="([0-9a-f]{32})"', client.get(path).text)[1]
    photo = SimpleUploadedFile("灯.jpg", sample_image().read(), "image/jpeg")
    return {"source": "qr", "category": "0102", "description": "灯不亮", "key": key, "attachments": [photo], **more}


def test_scan_that_is_sent_twice_is_one_case_with_one_link(component):
    client, path = Client(), f"/c/{component.qr_token}/"
    sent = _filled(path, client)
    first = client.post(path, sent)
    sent["attachments"][0].seek(0)
    second = client.post(path, sent)
    assert Incident.objects.count() == 1
    assert first.url == second.url == f"/r/{Incident.objects.get().reporter.token}/"
    # another person's form, or the same one opened anew, is another report
    client.post(path, _filled(path, client))
    assert Incident.objects.count() == 2


def test_scan_that_is_sent_again_with_other_words_says_so_and_is_another_case_the_next_time(component):
    client, path = Client(), f"/c/{component.qr_token}/"
    sent = _filled(path, client, attachments=[])
    client.post(path, sent)
    again = client.post(path, sent | {"description": "灯倒了"})
    assert again.status_code == 409
    assert f"已上报过案件 {Incident.objects.get().number}" in again.text
    assert "灯倒了" in again.text
    assert (
        client.post(path, sent | {"description": "灯倒了", "key": again.context["form"]["key"].value()}).status_code
        == 302
    )
    assert Incident.objects.count() == 2


@pytest.mark.parametrize("key", ["", "1", "x" * 32, "A" * 32])
def test_key_that_could_be_guessed_shows_nobody_anothers_link(component, key):
    path = f"/c/{component.qr_token}/"
    sent = {"source": "qr", "category": "0102", "description": "灯不亮", "key": key}
    assert Client().post(path, sent).url != Client().post(path, sent).url
    assert Incident.objects.count() == 2
