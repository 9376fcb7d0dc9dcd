"""Exports: what is in them, for whom, and that a killed worker costs a chunk and nothing else."""

import csv
import io
from datetime import timedelta

import openpyxl
import pytest
from django.utils import translation

from gridgov.common import clock
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from gridgov.common.models import AuditEntry
from incidents.models import Incident
from personnel.models import Posting
from reporting import export_sources, exports
from reporting.models import Export
from tests.reporting.instants import met_before
from tests.worlds import World

pytestmark = pytest.mark.django_db
EAST = "620902001001001"


@pytest.fixture(autouse=True)
def _folder(settings, tmp_path):
    settings.EXPORT_ROOT = tmp_path / "exports"


def begun(world: World, login: str = "duty_chief", *, kind="cases", form="csv", query=None) -> Export:
    return exports.start(
        by=world.actor(login), user=world.people[login], kind=kind, form=form, title="案件", query=query or {}
    )


def run(limit: int = 100, *, patience: float = 5.0) -> int:
    """Slices until nothing waits; how many."""
    slices = 0
    while exports.run_slice(patience=patience):
        slices += 1
        assert slices < limit
    return slices


def content(export: Export, world: World, login: str = "duty_chief") -> bytes:
    _export, file = exports.fetched(export_id=export.pk, by=world.actor(login), user=world.people[login])
    with file:
        return file.read()


def rows(export: Export, world: World, login: str = "duty_chief") -> list[dict[str, str]]:
    text = content(export, world, login).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def numbers(export: Export, world: World, login: str = "duty_chief") -> list[str]:
    return [row["案件编号"] for row in rows(export, world, login)]


# --- what is in it ------------------------------------------------------------------------------------------------


def test_export_has_the_cases_that_the_person_may_see_and_no_other(world):
    own, other = world.report(), world.report(by="acceptor_city", grid=EAST)
    secret = world.report(category="0302")
    export = begun(world, "supervisor")
    run()
    assert numbers(export, world, "supervisor") == [own]
    city = begun(world, "leader")  # who is named on confidential cases
    run()
    assert numbers(city, world, "leader") == [own, other, secret]
    export.refresh_from_db()
    assert (export.state, export.row_count, export.total_count) == ("done", 1, 1)


def test_row_says_what_the_list_says_and_shows_no_phone(world):
    number = world.carry("handling", description="请联系 13893122716", address="福利路 1 号")
    export = begun(world)
    run()
    (row,) = rows(export, world)
    assert row["案件编号"] == number
    assert (row["状态"], row["小类"], row["区县"], row["地址"]) == ("处置中", "暴露垃圾", "甲区", "福利路 1 号")
    assert row["描述"] == "请联系 138****2716"
    case = world.case(number)
    assert row["收到时间"] == f"{clock.local(case.received_at):%Y-%m-%d %H:%M:%S}"
    assert row["结案时间"] == ""


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"])
def test_cell_is_never_a_formula(world, start):
    world.report(address=f"{start}路")
    Incident.objects.update(address=f"{start}路")
    export = begun(world, form="xlsx")
    run()
    sheet = openpyxl.load_workbook(io.BytesIO(content(export, world)), read_only=True).active
    cells = [cell for line in sheet.iter_rows(min_row=2) for cell in line]
    assert f"'{start}路" in [cell.value for cell in cells]
    assert {cell.data_type for cell in cells if cell.value} == {"s"}


def test_text_with_what_no_spreadsheet_holds_is_written_without_it(world):
    world.report()
    Incident.objects.update(description='第一行\n"引号",\x01\x0b\ufffe，完')
    export = begun(world, form="xlsx")
    run()
    sheet = openpyxl.load_workbook(io.BytesIO(content(export, world)), read_only=True).active
    assert '第一行\n"引号",，完' in [value for line in sheet.iter_rows(values_only=True) for value in line]


def test_export_of_a_queue_is_the_list_of_its_filter(world):
    lamp = world.report(category="0102")
    world.report()
    world.carry("accepted", category="0102")
    export = begun(world, "acceptor", kind="queue", query={"desk": "accept", "category": "0102"})
    run()
    assert numbers(export, world, "acceptor") == [lamp]


def test_export_of_days_has_what_was_received_then(world):
    now = clock.now()
    old = world.report(at=now - timedelta(days=40))
    world.report()
    query = {"from": (now - timedelta(days=50)).isoformat(), "until": (now - timedelta(days=30)).isoformat()}
    export = begun(world, query=query)
    run()
    assert numbers(export, world) == [old]


def test_spreadsheet_goes_on_on_a_second_sheet(world, monkeypatch):
    monkeypatch.setattr(exports, "SHEET_ROWS", 2)
    made = [world.report() for _ in range(5)]
    export = begun(world, form="xlsx")
    run()
    book = openpyxl.load_workbook(io.BytesIO(content(export, world)), read_only=True)
    sheets = [[line[0] for line in sheet.iter_rows(values_only=True)] for sheet in book.worksheets]
    assert sheets == [["案件编号", *made[:2]], ["案件编号", *made[2:4]], ["案件编号", *made[4:]]]


def test_empty_export_has_its_heads(world):
    export = begun(world)
    run()
    assert content(export, world).decode("utf-8-sig").startswith("案件编号,状态,")
    export.refresh_from_db()
    assert (export.state, export.row_count) == ("done", 0)


def test_language_of_the_worker_is_the_deployments(world):
    world.report()
    export = begun(world)
    with translation.override("en"):
        run()
    assert rows(export, world)[0]["状态"] == "待受理"


# --- as of the start ----------------------------------------------------------------------------------------------


def test_cases_of_later_are_not_in_it_and_sight_is_that_of_the_start(world):
    before = world.report()
    export = begun(world)
    world.report()
    Posting.objects.all().delete()
    run()
    assert Export.objects.get(pk=export.pk).row_count == 1
    _export, file = exports.fetched(export_id=export.pk, by=world.actor("duty_chief"), user=world.people["duty_chief"])
    with file:
        assert before in file.read().decode()


def test_account_that_is_closed_gets_no_more(world):
    world.report()
    export = begun(world)
    world.people["duty_chief"].is_active = False
    world.people["duty_chief"].save()
    run()
    export.refresh_from_db()
    assert export.state == "cancelled"
    assert list(exports._folder().iterdir()) == []


# --- slices, kills and cancelling ---------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(export_sources, "CHUNK", 2)


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_slices_go_on_where_the_last_ended(world, small, form):
    made = [world.report() for _ in range(7)]
    export = begun(world, form=form)
    slices = run(patience=0)
    assert slices >= 4
    if form == "csv":
        assert numbers(export, world) == made
    else:
        sheet = openpyxl.load_workbook(io.BytesIO(content(export, world)), read_only=True).active
        assert [line[0] for line in sheet.iter_rows(min_row=2, values_only=True)] == made


class Killed(BaseException):
    """As if by SIGKILL: nothing after it runs but what the operating system does."""


@pytest.mark.parametrize("where", ["_sync", "_write", "_finish"])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_killed_worker_costs_a_chunk_and_nothing_else(world, small, monkeypatch, where, at):
    made = [world.report() for _ in range(5)]
    export = begun(world)
    real, calls = getattr(exports, where), []

    def dying(*args, **values):
        calls.append(1)
        if len(calls) == at:
            raise Killed
        return real(*args, **values)

    monkeypatch.setattr(exports, where, dying)
    try:
        run()
    except Killed:
        # its lease runs out: nobody waits for the dead
        Export.objects.update(lease_until=clock.now() - timedelta(minutes=2))
        run()
    assert numbers(export, world) == made


def test_half_a_chunk_after_the_sure_end_is_cut_off(world, small):
    made = [world.report() for _ in range(5)]
    export = begun(world)
    exports.run_slice(patience=0)
    with exports._rows_path(export).open("ab") as file:
        file.write("半行,".encode())
    run()
    assert numbers(export, world) == made


def test_worker_on_another_machine_begins_anew(world, small):
    made = [world.report() for _ in range(5)]
    export = begun(world)
    exports.run_slice(patience=0)
    exports._rows_path(export).unlink()
    run()
    assert numbers(export, world) == made


def test_one_export_is_worked_at_a_time(world, small):
    world.report()
    one, two = begun(world), begun(world, "leader")
    taken = exports._take()
    assert taken.pk == one.pk
    assert exports._take() is None
    exports._release(taken)
    assert exports._take().pk == two.pk


def test_worker_that_is_only_slow_keeps_its_export(world, small, monkeypatch):
    """Its lease runs out in the middle of a chunk: whoever looks then neither takes it over nor counts an attempt."""
    made = [world.report() for _ in range(5)]
    export = begun(world)
    real, looks = exports._sync, []

    def slow(file):
        if len(looks) < exports.ATTEMPTS + 2:
            Export.objects.update(lease_until=clock.now() - timedelta(minutes=2))
            looks.append(exports.run_slice())
            assert exports._take() is None, "the lease is renewed"
        real(file)

    monkeypatch.setattr(exports, "_sync", slow)
    assert exports.run_slice()
    monkeypatch.undo()
    assert looks == [True] * len(looks)
    run()
    export.refresh_from_db()
    assert (export.state, export.last_error) == ("done", "")
    assert numbers(export, world) == made


def test_spreadsheet_whose_rows_are_lost_is_collected_anew(world, small, monkeypatch):
    made = [world.report() for _ in range(5)]
    export = begun(world, form="xlsx")

    def dying(export):
        raise Killed

    monkeypatch.setattr(exports, "_pack", dying)
    with pytest.raises(Killed):
        run()
    monkeypatch.undo()
    export.refresh_from_db()
    assert export.state == "packing"
    exports._rows_path(export).unlink()
    Export.objects.update(lease_until=clock.now() - timedelta(minutes=2))
    run()
    sheet = openpyxl.load_workbook(io.BytesIO(content(export, world)), read_only=True).active
    assert [line[0] for line in sheet.iter_rows(min_row=2, values_only=True)] == made


def test_failure_is_tried_again_and_then_seen(world, monkeypatch):
    world.report()
    export = begun(world)

    def broken(self, mark):
        raise RuntimeError("Platte voll")

    monkeypatch.setattr(export_sources.CaseSource, "chunk", broken)
    for _attempt in range(exports.ATTEMPTS):
        assert exports.run_slice()
        Export.objects.update(lease_until=clock.now() - timedelta(minutes=2))
    export.refresh_from_db()
    assert (export.state, export.last_error) == ("failed", "RuntimeError: Platte voll")
    assert not exports.run_slice()
    assert list(exports._folder().iterdir()) == []


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_cancelled_export_stops_and_leaves_no_file(world, small, form):
    for _ in range(5):
        world.report()
    export = begun(world, form=form)
    exports.run_slice(patience=0)
    exports.cancel(export_id=export.pk, by=world.actor("duty_chief"), user=world.people["duty_chief"])
    run()
    export.refresh_from_db()
    assert export.state == "cancelled"
    assert list(exports._folder().iterdir()) == []
    with pytest.raises(Conflict):
        exports.cancel(export_id=export.pk, by=world.actor("duty_chief"), user=world.people["duty_chief"])


def test_export_cancelled_in_the_middle_of_a_chunk_stops(world, small, monkeypatch):
    for _ in range(5):
        world.report()
    export = begun(world)
    real = exports._sync

    def cancelling(file):
        Export.objects.filter(pk=export.pk).update(state="cancelled", lease="", finished_at=clock.now())
        real(file)

    monkeypatch.setattr(exports, "_sync", cancelling)
    run()
    export.refresh_from_db()
    assert (export.state, export.row_count) == ("cancelled", 0)
    assert list(exports._folder().iterdir()) == []


# --- who, how many, how long --------------------------------------------------------------------------------------


def test_export_is_its_owners_alone(world):
    world.report()
    export = begun(world)
    run()
    for login in ("duty_chief_2", "leader", "system_admin"):
        with pytest.raises(NotFound):
            exports.fetched(export_id=export.pk, by=world.actor(login), user=world.people[login])
        with pytest.raises(NotFound):
            exports.cancel(export_id=export.pk, by=world.actor(login), user=world.people[login])


def test_who_may_see_no_cases_exports_none(world):
    for login in ("department_handler", "system_admin", "nobody"):
        with pytest.raises(NotPermitted):
            begun(world, login)
    assert not Export.objects.exists()


def test_query_that_means_nothing_is_refused_at_once(world):
    with pytest.raises(FieldError):
        begun(world, kind="queue", query={"desk": "nothing"})
    with pytest.raises(FieldError):
        begun(world, form="pdf")
    assert not Export.objects.exists()


def test_person_has_at_most_three_unfinished(world):
    for _ in range(exports.MOST):
        begun(world)
    with pytest.raises(Conflict):
        begun(world)
    begun(world, "leader")


def test_who_asked_cancelled_and_fetched_is_in_the_audit_trail(world):
    world.report()
    export = begun(world)
    run()
    content(export, world)
    other = begun(world)
    exports.cancel(export_id=other.pk, by=world.actor("duty_chief"), user=world.people["duty_chief"])
    trail = AuditEntry.objects.filter(object_type="reporting.Export").order_by("id")
    assert list(trail.values_list("action", "object_id", "actor__username")) == [
        ("export_started", str(export.pk), "duty_chief"),
        ("export_fetched", str(export.pk), "duty_chief"),
        ("export_started", str(other.pk), "duty_chief"),
        ("export_cancelled", str(other.pk), "duty_chief"),
    ]


def test_file_whose_time_is_over_is_gone(world):
    world.report()
    export = begun(world)
    run()
    Export.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    with pytest.raises(NotFound):
        content(export, world)
    assert exports.discard_old() == 1
    export.refresh_from_db()
    assert export.state == "expired"
    assert list(exports._folder().iterdir()) == []


def test_chunk_is_one_statement_whatever_its_rows(world, django_assert_num_queries):
    for _ in range(3):
        world.report()
    export = begun(world)
    source = export_sources.source_of(export)
    source.chunk(0)
    with django_assert_num_queries(1):
        assert len(source.chunk(0)[0]) == 3


# --- two in one instant -------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_look_in_one_instant_take_one_export(world):
    begun(world), begun(world)
    mine, other = met_before("UPDATE", "reporting_export", exports._take, exports._take)
    assert mine is not None
    assert other is None


@pytest.mark.django_db(transaction=True)
def test_two_requests_in_one_instant_are_not_one_export_too_many(world):
    for _more in range(exports.MOST - 1):
        begun(world)
    mine, other = met_before("INSERT", "reporting_export", lambda: begun(world), lambda: begun(world))
    assert isinstance(mine, Export)
    assert isinstance(other, Conflict)
    assert Export.objects.count() == exports.MOST
