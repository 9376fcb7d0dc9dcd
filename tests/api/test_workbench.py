"""The workbench over HTTP: in threes, in the shapes of the schema, in few statements, and never a 500."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from dispatch.models import CannedText, Claim, SavedView
from gridgov.common import work_calendar
from grids.spatial import areas
from incidents.catalogue import catalogue
from incidents.models import Incident, JournalEntry
from personnel.selectors import department_tree
from tests.dispatch.test_appeals import late_case
from tests.statements import at_most, counted
from tests.worlds import World

pytestmark = pytest.mark.django_db
V1 = "/api/v1"


@pytest.fixture(autouse=True)
def _warm(world: World, settings: Any) -> None:
    settings.REFERENCE_CHECK_SECONDS = 3600
    areas.index(), catalogue(), department_tree(), work_calendar.current()
    world.report()


@pytest.fixture(scope="module")
def components() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)["components"]["schemas"]


def fields(components: dict[str, Any], name: str) -> set[str]:
    return set(components[name]["properties"])


def actions_of(number: str) -> list[str]:
    return list(JournalEntry.objects.filter(incident__number=number).order_by("seq").values_list("action", flat=True))


# --- claims -----------------------------------------------------------------------------------------------------


def test_claim_in_threes(world: World, components: dict[str, Any]) -> None:
    number = world.report()
    address = f"{V1}/incidents/{number}/claim/"
    assert world.client().post(address).status_code == 401
    refused = world.client("dispatcher").post(address)
    assert (refused.status_code, refused.json()["missing"]) == (403, "accept")
    assert world.client("acceptor_b").post(address).status_code == 404
    assert not Claim.objects.exists()
    taken = world.client("acceptor").post(address)
    assert taken.status_code == 200, taken.content
    assert set(taken.json()) == fields(components, "ClaimAnswer")
    lost = world.client("acceptor_2").post(address)
    assert (lost.status_code, lost.json()["code"], lost.json()["actor"]) == (409, "claimed", "受理甲")
    assert lost.json()["until"] == taken.json()["until"]
    blocked = world.client("acceptor_2").post(f"{V1}/incidents/{number}/transitions/", {"action": "accept"})
    assert (blocked.status_code, blocked.json()["code"]) == (409, "claimed")
    assert world.client("acceptor").post(f"{address}renew/").status_code == 200
    assert world.client("acceptor_2").post(f"{address}renew/").status_code == 409
    assert world.client("acceptor_2").delete(address).status_code == 204
    assert Claim.objects.count() == 1
    assert world.client("acceptor").delete(address).status_code == 204
    assert not Claim.objects.exists()
    assert actions_of(number) == ["report"]


def test_seizing_in_threes(world: World) -> None:
    number = world.report()
    world.client("acceptor").post(f"{V1}/incidents/{number}/claim/")
    address, body = f"{V1}/incidents/{number}/claim/seize/", {"reason": "离岗"}
    assert world.client().post(address, body).status_code == 401
    refused = world.client("acceptor_2").post(address, body)
    assert (refused.status_code, refused.json()["missing"]) == (403, "supervise")
    assert world.client("supervisor_b").post(address, body).status_code == 404
    assert world.client("supervisor").post(address, {"reason": ""}).status_code == 400
    assert actions_of(number) == ["report"]
    taken = world.client("supervisor").post(address, body)
    assert (taken.status_code, taken.json()["by"]["name"]) == (200, "督办甲")
    assert actions_of(number) == ["report", "claim_seized"]


def test_list_and_case_show_who_holds_it_without_a_statement_a_row(world: World) -> None:
    client = world.client("acceptor")
    numbers = [world.report() for _ in range(4)]
    found: list[int] = []
    for number in numbers:
        assert client.post(f"{V1}/incidents/{number}/claim/").status_code == 200
        with counted() as statements:
            rows = {row["number"]: row for row in client.get(f"{V1}/incidents/").json()["results"]}
        found.append(len(statements))
    assert len(set(found)) == 1
    assert found[0] <= 4
    assert [rows[number]["claim"]["by"]["name"] for number in numbers] == ["受理甲"] * 4
    with at_most(4):
        case = client.get(f"{V1}/incidents/{numbers[0]}/").json()
    assert case["claim"] == rows[numbers[0]]["claim"]
    Claim.objects.update(claimed_at=F("claimed_at") - timedelta(hours=1), until=F("until") - timedelta(hours=1))
    assert {row["claim"] for row in client.get(f"{V1}/incidents/").json()["results"]} == {None}


def test_claim_takes_few_statements(world: World) -> None:
    number, client = world.report(), world.client("acceptor")
    with at_most(6):
        assert client.post(f"{V1}/incidents/{number}/claim/").status_code == 200
    with at_most(4):
        assert client.post(f"{V1}/incidents/{number}/claim/renew/").status_code == 200


# --- what changed, undo, texts ----------------------------------------------------------------------------------


def test_changes_undo_and_texts_are_for_who_sees_the_case(world: World, components: dict[str, Any]) -> None:
    number = world.report(address="旧地址")
    world.perform(number, "amend", "acceptor", reason="核对", address="新地址")
    world.perform(number, "accept", "acceptor")
    client = world.client("duty_chief")
    for path in ("changes/?version=1", "undo/", "texts/?action=file", "handling/"):
        address = f"{V1}/incidents/{number}/{path}"
        assert world.client().get(address).status_code == 401
        assert world.client("acceptor_b").get(address).status_code == 404
        with at_most(4):
            assert client.get(address).status_code == 200, path
    said = client.get(f"{V1}/incidents/{number}/changes/?version=1").json()
    assert set(said) == fields(components, "ChangesAnswer")
    assert set(said["steps"][0]) == fields(components, "StepAnswer")
    assert [step["action"] for step in said["steps"]] == ["amend", "accept"]
    assert {"name": "address", "label": "地址", "value": "新地址"} in said["fields_changed"]
    undo = client.get(f"{V1}/incidents/{number}/undo/").json()
    assert set(undo) == fields(components, "UndoAnswer")
    assert (undo["action"], [one["action"] for one in undo["undo"]]) == ("accept", ["send_back"])
    assert world.client("acceptor").get(f"{V1}/incidents/{number}/undo/").json()["undo"] == []
    for wrong in ("", "?version=", "?version=0", "?version=x", "?version=99999999999999999999", "?other=1"):
        assert client.get(f"{V1}/incidents/{number}/changes/{wrong}").status_code == 400


def test_own_texts_over_http(world: World, components: dict[str, Any]) -> None:
    client, body = world.client("acceptor"), {"stage": "accept", "title": "属实", "text": "{类别}：{编号}"}
    assert world.client().get(f"{V1}/texts/").status_code == 401
    refused = world.client("nobody").post(f"{V1}/texts/", body)
    assert (refused.status_code, refused.json()["missing"]) == (403, "posting")
    made = client.post(f"{V1}/texts/", body)
    assert made.status_code == 201, made.content
    assert set(made.json()) == fields(components, "TextAnswer")
    address = f"{V1}/texts/{made.json()['id']}/"
    assert world.client("acceptor_2").put(address, {"title": "改"}).status_code == 404
    assert world.client("acceptor_2").delete(address).status_code == 404
    assert client.put(address, {"title": "改"}).json()["title"] == "改"
    assert [row["title"] for row in client.get(f"{V1}/texts/").json()["results"]] == ["改"]
    number = world.report()
    [offered] = client.get(f"{V1}/incidents/{number}/texts/?action=accept").json()["results"]
    assert set(offered) == fields(components, "OfferedText")
    assert offered["text"] == f"暴露垃圾：{number}"
    bad = client.post(f"{V1}/texts/", body | {"text": "{电话}"})
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (400, "text")
    assert client.delete(address).status_code == 204
    assert not CannedText.objects.exists()


# --- bulk, find, preview ----------------------------------------------------------------------------------------


def test_bulk_dry_and_real_and_again(world: World, components: dict[str, Any]) -> None:
    numbers = [world.report(), world.report()]
    body = {"action": "accept", "cases": [{"number": n, "version": 1} for n in numbers], "dry_run": True}
    assert world.client().post(f"{V1}/bulk/", body, format="json").status_code == 401
    client = world.client("acceptor")
    dry = client.post(f"{V1}/bulk/", body, format="json")
    assert (dry.status_code, dry.json()["counts"]) == (200, {"would_pass": 2}), dry.content
    assert set(dry.json()) == fields(components, "BulkAnswer")
    assert set(dry.json()["results"][0]) == fields(components, "BulkRow")
    assert actions_of(numbers[0]) == ["report"]
    other = world.client("dispatcher").post(f"{V1}/bulk/", body | {"dry_run": False}, format="json").json()
    assert other["counts"] == {"refused": 2}
    outsider = world.client("acceptor_b").post(f"{V1}/bulk/", body | {"dry_run": False}, format="json").json()
    assert {row["code"] for row in outsider["results"]} == {"not_found"}
    real = client.post(f"{V1}/bulk/", body | {"dry_run": False}, format="json").json()
    assert real["counts"] == {"done": 2}
    assert client.post(f"{V1}/bulk/", body | {"dry_run": False}, format="json").json()["counts"] == {"already": 2}
    assert [actions_of(n) for n in numbers] == [["report", "accept"]] * 2


@pytest.mark.parametrize(
    "change",
    [
        {"action": "pass"}, {"action": 1}, {"cases": []}, {"cases": "x"}, {"cases": [{"number": "N"}]},
        {"dry_run": "no"}, {"payload": {"attachments": ["0" * 32]}}, {"payload": {"nothing": 1}}, {"payload": []},
        {"more": 1},
        {"cases": [{"number": f"N{n}", "version": 1} for n in range(201)]},
        {"cases": [{"number": "a\x00b", "version": 1}], "action": "bogus"},
    ],
)  # fmt: skip
def test_bad_bulk_is_refused_whole(world: World, change: dict[str, Any]) -> None:
    body = {"action": "accept", "cases": [{"number": world.report(), "version": 1}], "dry_run": True} | change
    refused = world.client("acceptor").post(f"{V1}/bulk/", body, format="json")
    assert refused.status_code == 400, refused.content


def test_odd_number_in_bulk_is_a_row_not_an_error(world: World) -> None:
    body = {"action": "accept", "cases": [{"number": "案件\u2028", "version": 1}], "dry_run": False}
    [row] = world.client("acceptor").post(f"{V1}/bulk/", body, format="json").json()["results"]
    assert (row["result"], row["code"]) == ("refused", "not_found")


def test_find_over_http(world: World, components: dict[str, Any]) -> None:
    number = world.report(reporter_phone="13800002716")
    assert world.client().get(f"{V1}/find/?text=2716").status_code == 401
    client = world.client("acceptor")
    client.get(f"{V1}/find/", {"text": "bllj"})
    for text in ("2716", number, "620901001", "福利路", "bllj"):
        with at_most(4):
            assert client.get(f"{V1}/find/", {"text": text}).status_code == 200, text
    [hit] = client.get(f"{V1}/find/", {"text": "2716"}).json()["results"]
    assert set(hit) == fields(components, "HitAnswer")
    assert (hit["key"], hit["hint"]) == (number, "138****2716")
    assert world.client("acceptor_b").get(f"{V1}/find/", {"text": "2716"}).json()["results"] == []
    assert client.get(f"{V1}/find/", {"text": "x"}).status_code == 400
    assert client.get(f"{V1}/find/").status_code == 400


def test_preview_over_http(world: World, components: dict[str, Any]) -> None:
    lon, lat = world.point()
    address, query = f"{V1}/reports/preview/", {"category": "0201", "lon": lon, "lat": lat}
    assert world.client().get(address, query).status_code == 401
    client = world.client("acceptor")
    with at_most(2):
        said = client.get(address, query)
    assert said.status_code == 200, said.content
    body = said.json()
    assert set(body) == fields(components, "PreviewAnswer")
    assert set(body["deadlines"][0]) == fields(components, "DeadlineAnswer")
    assert set(body["alike"][0]) == fields(components, "AlikeAnswer")
    assert body["place"]["holder"]["code"] == "620901"
    assert len(body["alike"]) == 1
    assert world.client("acceptor_b").get(address, query).json()["alike"] == []
    assert world.client("acceptor").get(address, {"category": "0201"}).json()["place"] is None
    for wrong in ({}, {"category": "x"}, query | {"lon": "east"}, query | {"lon": "nan"}, query | {"lat": "inf"},
                  query | {"lon": 500}, query | {"crs": "moon"}, query | {"standard": "none"},
                  {"category": "0201", "lon": lon}):  # fmt: skip
        assert world.client("acceptor").get(address, wrong).status_code == 400, wrong


# --- views, drafts ----------------------------------------------------------------------------------------------


def test_views_over_http(world: World, components: dict[str, Any]) -> None:
    client, body = world.client("acceptor"), {"desk": "accept", "name": "垃圾", "query": {"category": "02"}}
    assert world.client().get(f"{V1}/views/").status_code == 401
    refused = world.client("dispatcher").post(f"{V1}/views/", body, format="json")
    assert (refused.status_code, refused.json()["missing"]) == (403, "accept")
    made = client.post(f"{V1}/views/", body, format="json")
    assert made.status_code == 201, made.content
    with at_most(3):
        [view] = client.get(f"{V1}/views/").json()["results"]
    assert set(view) == fields(components, "ViewAnswer")
    assert (view["url"], view["count"], view["kind"]) == ("/queue/accept/?category=02", 1, "own")
    address = f"{V1}/views/{made.json()['id']}/"
    assert world.client("acceptor_2").put(address, body, format="json").status_code == 404
    assert world.client("acceptor_2").delete(address).status_code == 404
    assert client.put(address, body | {"name": "改名"}, format="json").status_code == 200
    for wrong in ({"query": {"x": "1"}}, {"query": ["x"]}, {"query": "x"}, {"name": ""}, {"area": 10**9}, {"more": 1}):
        assert client.post(f"{V1}/views/", body | wrong, format="json").status_code == 400, wrong
    shared = body | {"area": world.areas["620901"].pk}
    assert client.post(f"{V1}/views/", shared, format="json").status_code == 403
    assert world.client("duty_chief").post(f"{V1}/views/", shared, format="json").status_code == 201
    assert client.delete(address).status_code == 204
    assert SavedView.objects.count() >= 1


def test_drafts_over_http(world: World, components: dict[str, Any]) -> None:
    client = world.client("acceptor")
    address = f"{V1}/drafts/case/62090100001/accept/"
    body = {"content": {"note": "已写的话"}}
    assert world.client().put(address, body, format="json").status_code == 401
    assert client.get(address).status_code == 404
    kept = client.put(address, body, format="json")
    assert kept.status_code == 200, kept.content
    assert set(kept.json()) == fields(components, "DraftAnswer")
    read = client.get(address)
    assert read.json()["content"] == {"note": "已写的话"}
    assert read["Cache-Control"] == "no-store"
    assert world.client("acceptor_2").get(address).status_code == 404
    assert world.client("acceptor_2").get(f"{V1}/drafts/").json()["results"] == []
    assert world.client("acceptor_2").delete(address).status_code == 204
    assert [d["key"] for d in client.get(f"{V1}/drafts/").json()["results"]] == ["case/62090100001/accept"]
    for wrong in ({}, {"content": []}, {"content": "x"}, {"content": {"a": "字" * 7000}}, {"other": 1}):
        assert client.put(address, wrong, format="json").status_code == 400, wrong
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404


def test_draft_of_an_expired_login_is_there_after_the_next(world: World) -> None:
    browser = APIClient()
    browser.force_login(world.people["acceptor"])
    assert browser.put(f"{V1}/drafts/report/", {"content": {"description": "半句"}}, format="json").status_code == 200
    browser.logout()
    assert browser.get(f"{V1}/drafts/report/").status_code == 401
    browser.force_login(world.people["acceptor"])
    assert browser.get(f"{V1}/drafts/report/").json()["content"] == {"description": "半句"}


# --- the department's desk --------------------------------------------------------------------------------------


def test_handling_says_what_is_left(world: World, components: dict[str, Any]) -> None:
    number = world.carry("handling")
    said = world.client("department_handler").get(f"{V1}/incidents/{number}/handling/").json()
    assert set(said) == fields(components, "HandlingAnswer")
    assert [(one["kind"], one["words"]) for one in said["left"]] == [
        ("return", "还可退 2 次"), ("extend", "还可延期 2 次"), ("suspend", "还可挂账 1 次"),
    ]  # fmt: skip
    assert [one["key"] for one in said["checklist"]] == ["sign", "photos", "note"]
    assert (said["appeals"], said["may_appeal_until"]) == ([], None)


def test_appeal_over_http_in_threes(world: World, components: dict[str, Any]) -> None:
    # closed when it was played, in March: the days for appealing are over by now
    case = late_case(world)
    address, body = f"{V1}/incidents/{case.number}/appeals/", {"reason": "道路封闭"}
    assert world.client().post(address, body).status_code == 401
    refused = world.client("acceptor").post(address, body)
    assert (refused.status_code, refused.json()["missing"]) == (403, "lead_handler")
    assert world.client("department_handler_b").post(address, body).status_code == 404
    over = world.client("department_handler").post(address, body)
    assert (over.status_code, over.json()["code"]) == (409, "not_open")
    Incident.objects.filter(pk=case.case.pk).update(closed_at=F("closed_at") + timedelta(days=3650))
    handling = world.client("department_handler").get(f"{V1}/incidents/{case.number}/handling/").json()
    assert handling["may_appeal_until"] is not None
    made = world.client("department_handler").post(address, body)
    assert made.status_code == 201, made.content
    pk = made.json()["id"]
    [row] = world.client("dispatcher").get(f"{V1}/appeals/").json()["results"]
    assert set(row) == fields(components, "AppealRow")
    assert (row["incident"]["number"], row["department"]) == (case.number, "市政设施科")
    decision, yes = f"{V1}/appeals/{pk}/decision/", {"grant": True, "reason": "属实"}
    assert world.client().post(decision, yes).status_code == 401
    assert world.client("supervisor").post(decision, yes).json()["missing"] == "dispatch"
    assert world.client("dispatcher_b").post(decision, yes).status_code == 404
    assert world.client("dispatcher").post(decision, {"grant": False}).status_code == 400
    assert world.client("dispatcher").post(decision, yes).json()["state"] == "forwarded"
    assert world.client("dispatcher").get(f"{V1}/appeals/").json()["results"] == []
    assert world.client("acceptor").post(decision, yes).json()["state"] == "granted"
    assert world.client("acceptor").post(decision, yes).status_code == 409
    said = world.client("department_handler").get(f"{V1}/incidents/{case.number}/handling/").json()
    [appeal] = said["appeals"]
    assert set(appeal) == fields(components, "AppealAnswer")
    assert (appeal["state"], appeal["first_by"], appeal["second_by"]) == ("granted", "派遣甲", "受理甲")
    assert said["may_appeal_until"] is None
    assert actions_of(case.number)[-3:] == ["appeal_asked", "appeal_forwarded", "exempted"]
