"""What the audit administrator reads: words and names, groups that keep their promise, and where it was done."""

import csv
import io

import pytest
from django.urls import reverse

from dispatch import reporters, routing, saved_views
from gridgov.common import address, audit, audit_actions, audit_words, clock
from gridgov.common.models import AuditEntry
from grids import services as grid_services
from grids.models import Component
from personnel import services
from personnel.models import Posting, Worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def component(world) -> Component:
    area = world.areas["620901001001001"]
    row = Component(
        root=world.root, code="6209010102000001", type_code="0102", name="井盖", area=area, lon=103.6, lat=36
    )
    grid_services.save_by_hand(row=row, by=world.people["system_admin"])
    row.state = "damaged"
    grid_services.save_by_hand(row=row, by=world.people["system_admin"])
    return row


def rows(client, **query):
    page = client.get("/audit/", query)
    assert page.status_code == 200
    return page.context["rows"]


def in_csv(client, **query):
    text = b"".join(client.get("/audit/export/", query).streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


# --- groups -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", audit_actions.GROUPS)
def test_group_shows_each_of_its_actions_and_no_other(world, sign_in, group):
    for action in audit_actions.ACTIONS:
        audit.record(action=action, object_type="demo")
    auditor = sign_in("audit_admin")
    assert {row["action"] for row in rows(auditor, group=group)} == set(audit_actions.GROUPS[group][1])


def test_exports_of_cases_are_among_the_exports(world, sign_in):
    span = {"kind": "cases", "from": "2020-01-01", "until": "2199-01-01", "form": "csv"}
    assert sign_in("duty_chief").post("/exports/start/", span).status_code == 302
    [row] = rows(sign_in("audit_admin"), group="exports")
    assert (row["words"], row["login"]) == ("开始导出", "duty_chief")
    assert row["object"].startswith("导出 ")


# --- words --------------------------------------------------------------------------------------------------------


def test_component_and_its_changes_are_in_words(world, sign_in, component):
    [changed] = rows(sign_in("audit_admin"), text="修改部件")
    assert changed["object"] == "部件 井盖 (6209010102000001)"
    assert "状态：完好 → 破损" in changed["detail"]


def test_posting_names_people_places_and_roles(world, sign_in):
    posting = Posting.objects.get(worker__user__username="grid_worker")
    entry = audit.record(
        action="posting.begin", obj=posting,
        detail={"worker": posting.worker_id, "role": "grid_worker", "area": posting.area_id, "department": None,
                "starts_on": "2026-01-01", "ends_on": None},
    )  # fmt: skip
    line = audit_words.lines([entry])[0]
    user = world.people["grid_worker"]
    assert (line.action, line.object) == ("任职开始", f"任职 {user.name} (grid_worker)")
    assert f"人员：{user.name} (grid_worker)" in line.detail
    assert "角色：网格员" in line.detail
    assert posting.area.code in line.detail
    assert "开始日期：2026-01-01" in line.detail
    assert "None" not in line.detail


def test_department_that_is_moved_is_told_by_names(world):
    services.move_department(department=world.departments["CG-SZ"], parent=world.departments["ZJ"])
    line = audit_words.lines(AuditEntry.objects.filter(action="department.move"))[0]
    old, new = world.departments["CG"], world.departments["ZJ"]
    assert f"上级：{old.name} (CG) → {new.name} (ZJ)" in line.detail


def test_no_entry_of_a_city_shows_code_of_python(world, sign_in, component):
    for line in audit_words.lines(AuditEntry.objects.order_by("id")):
        assert not set("{}[]'") & set(line.detail), line
        assert not line.action.isascii(), line
        assert "None" not in line.detail


def test_boundaries_are_told_before_and_after(world):
    entry = audit.record(
        action="area.redraw", obj=world.areas["620901"],
        detail={"reason": "勘界", "level": 2, "areas": {"620901": [100, 120]}, "changed": 1},
    )  # fmt: skip
    assert audit_words.lines([entry])[0].detail == "原因：勘界；层级：区县；区域：620901 100 → 120；修改：1"


def test_what_is_gone_and_what_an_earlier_release_wrote_stand_as_they_can(world, component):
    key = component.pk
    grid_services.delete_by_hand(row=component, reason="重复登记")
    gone = audit_words.lines(AuditEntry.objects.filter(action="component.delete"))[0]
    assert gone.object == "部件 井盖 (6209010102000001)"
    assert "原因：重复登记" in gone.detail
    old = audit.record(
        action="thing.done", object_type="gone.Thing", object_id=key, detail={"fields": ["x"], "y": True}
    )
    line = audit_words.lines([old])[0]
    assert (line.action, line.object, line.detail) == ("thing.done", f"gone.Thing {key}", "改动：x；y：是")


def test_page_costs_no_more_for_many_entries(world, sign_in, statements, component):
    auditor = sign_in("audit_admin")
    few = statements(auditor, "/audit/?text=component.change")
    for _time in range(20):
        audit.record(action="component.change", obj=component, detail={"changes": {"area": [component.area_id, None]}})
    assert statements(auditor, "/audit/?text=component.change") <= few + 1


def test_export_has_words_under_chinese_heads(world, sign_in, component):
    told = in_csv(sign_in("audit_admin"), text=component.code)
    assert list(told[0]) == ["编号", "时间", "操作人", "账号", "操作", "对象", "内容", "来源地址", "操作代码"]
    assert {row["操作"] for row in told} == {"增加部件", "修改部件"}
    assert told[0]["内容"].endswith("状态：完好 → 破损")


def test_admin_list_of_the_trail_is_in_words_too(world, sign_in, component):
    auditor = sign_in("audit_admin")
    url = reverse("admin:common_auditentry_changelist")
    text = auditor.get(url, {"q": component.code}).text
    assert "修改部件" in text
    assert "部件 井盖 (6209010102000001)" in text
    entry = AuditEntry.objects.get(action="component.change")
    assert "完好 → 破损" in auditor.get(reverse("admin:common_auditentry_change", args=[entry.pk])).text
    assert auditor.get(url, {"action": "component.change"}).context["cl"].result_count == 1


# --- finding ------------------------------------------------------------------------------------------------------


def test_object_is_found_by_what_is_shown_of_it(world, sign_in, component):
    auditor = sign_in("audit_admin")
    user, district = world.people["grid_worker"], world.areas["620901"]
    worker = Worker.objects.get(user=user)
    of_user = audit.record(action="password.reset", obj=user).pk
    of_worker = audit.record(action="worker.transfer", obj=worker).pk
    of_area = audit.record(action="area.change", obj=district).pk
    of_component = AuditEntry.objects.get(action="component.change").pk
    other = audit.record(action="password.reset", obj=world.people["leader"]).pk
    for text, wanted in {
        "grid_worker": {of_user, of_worker},
        user.name: {of_user, of_worker},
        f"{user.name} (grid_worker)": {of_user, of_worker},
        f"User {user.pk}": {of_user},
        f"用户 {user.pk}": {of_user},
        district.code: {of_area},
        f"{district.name} ({district.code})": {of_area},
        component.code: {of_component},
        "重置密码": {of_user, other},
        "component.change": {of_component},
    }.items():
        found = {row["id"] for row in rows(auditor, text=text)}
        assert wanted <= found, text
        assert found & {of_user, of_worker, of_area, of_component, other} == wanted, text
    assert rows(auditor, text="没有这样的人") == []


# --- where from ---------------------------------------------------------------------------------------------------


def test_address_of_the_request_stands_with_what_is_written_in_it(world, sign_in):
    client = sign_in("system_admin")
    given = {"login": "xin", "name": "新", "phone": "", "number": "N1", "department": "", "root": world.root.pk}
    page = client.post(
        reverse("admin:personnel_worker_add"), given | {"password": "changed-2026"}, REMOTE_ADDR="10.1.2.3"
    )
    assert page.status_code == 302
    assert AuditEntry.objects.filter(action="worker.hire").latest("id").address == "10.1.2.3"


def test_address_is_of_the_request_alone(world, rf):
    seen = []

    def view(request):
        seen.append(address.here())
        audit.record_all(action="worker.hire", rows=[(world.workers["nobody"], {})])
        return None

    address.Remembered(view)(rf.get("/", REMOTE_ADDR="10.9.9.9"))
    assert seen == ["10.9.9.9"]
    assert AuditEntry.objects.latest("id").address == "10.9.9.9"
    assert address.here() is None
    assert audit.record(action="sign_out").address is None


def test_address_is_forgotten_where_the_answer_fails(rf):
    def view(_request):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        address.Remembered(view)(rf.get("/", REMOTE_ADDR="10.9.9.9"))
    assert address.here() is None


def test_reveal_and_rules_say_where_from(world, sign_in, rf):
    number = world.report(reporter_name="张先生", reporter_phone="13800002716")

    def view(_request):
        reporters.reveal_phone(number=number, by=world.actor("acceptor"), reason="回访")
        routing.save_rule(area=world.root, lead=world.departments["CG"], by=world.people["system_admin"], priority=7)

    address.Remembered(view)(rf.get("/", REMOTE_ADDR="10.9.9.9"))
    for action in ("phone.reveal", "routing.save_rule"):
        assert AuditEntry.objects.filter(action=action).latest("id").address == "10.9.9.9"


# --- shared views -------------------------------------------------------------------------------------------------


def test_shared_views_stand_in_the_trail_and_ones_own_do_not(world):
    by = world.actor("system_admin")
    own = saved_views.save(by=world.actor("acceptor"), desk="accept", name="我的", query={})
    saved_views.delete(by=world.actor("acceptor"), view_id=own.pk)
    assert not AuditEntry.objects.filter(action__startswith="saved_view").exists()
    shared = saved_views.save(by=by, desk="accept", name="共享", query={}, area_id=world.root.pk)
    saved_views.save(by=by, desk="accept", name="新名", query={}, area_id=world.root.pk, view_id=shared.pk)
    saved_views.delete(by=by, view_id=shared.pk)
    trail = AuditEntry.objects.filter(action__startswith="saved_view").order_by("id")
    assert list(trail.values_list("action", flat=True)) == ["saved_view.save"] * 2 + ["saved_view.delete"]
    assert trail[1].detail == {"changes": {"name": ["共享", "新名"]}}
    assert {entry.actor for entry in trail} == {world.people["system_admin"]}


def test_days_that_run_backwards_are_named(sign_in):
    auditor = sign_in("audit_admin")
    assert "结束日期早于开始日期" in auditor.get("/audit/?since=2026-11-20&until=2026-11-01").text
    assert "结束日期早于开始日期" not in auditor.get("/audit/?since=2026-11-01&until=2026-11-01").text


def test_entry_is_called_by_its_local_time_and_its_action_in_words(world):
    audit.record(action="lockout.release", actor=None)
    entry = AuditEntry.objects.order_by("-id").first()
    assert str(entry) == f"{clock.local(entry.at):%Y-%m-%d %H:%M} 解锁账号"
