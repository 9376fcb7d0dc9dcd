"""Reports read from the copy of the database; the loop, writes and who has just written do not."""

import inspect
from datetime import timedelta

import pytest
from django.db import Error, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client, RequestFactory

from gridgov import env
from gridgov.common import clock, heartbeat, replica
from gridgov.common.models import Heartbeat
from gridgov.management import backups
from incidents.models import Incident
from reporting import shared
from tests.worlds import make_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(settings, tmp_path, monkeypatch):
    """A city with one case, and a copy of the database as of then."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    world = make_world()
    world.report()
    heartbeat.beat("sweep")
    taken = backups.take(tmp_path / "backups")
    with backups.scratch(taken, tmp_path) as address:
        there = env.database(address) | {"CONN_MAX_AGE": 0}
        connections.settings[replica.ALIAS] = connections.configure_settings({"default": there})["default"]
        monkeypatch.setitem(settings.DATABASES, replica.ALIAS, there)
        # a database that joins after the start of a test is one that Django lets no test touch
        case = inspect.getclosurevars(BaseDatabaseWrapper.ensure_connection).nonlocals["cls"]
        monkeypatch.setattr(case, "databases", case.databases | {replica.ALIAS})
        replica.forget()
        yield world
        monkeypatch.undo()
        connections[replica.ALIAS].close()
        del connections[replica.ALIAS]
        del connections.settings[replica.ALIAS]
        replica.forget()


def counted() -> int:
    return Incident.objects.count()


def test_reads_of_a_report_go_to_the_copy_and_all_others_do_not(world):
    world.report()
    with replica.reading() as alias:
        assert (alias, counted()) == ("replica", 1)
    assert counted() == 2


def test_writes_go_to_the_database_and_the_block_then_sees_them(world):
    with replica.reading():
        assert counted() == 1
        Heartbeat.objects.update_or_create(name="x", defaults={"beat_at": clock.now()})
        assert Heartbeat.objects.filter(name="x").exists()
        # and whatever else is read in the block is of the same database
        world.report()
        assert counted() == 2
    assert not Heartbeat.objects.using("replica").filter(name="x").exists()


def test_who_has_just_written_reads_what_he_wrote(world):
    world.report()
    with replica.reading(after_write=True) as alias:
        assert (alias, counted()) == ("default", 2)


def test_copy_that_lags_is_not_read(world, settings):
    ahead = clock.now() + timedelta(seconds=settings.REPLICA_LAG_SECONDS + 5)
    heartbeat.beat("sweep", at=ahead)
    assert replica.lag_seconds() > settings.REPLICA_LAG_SECONDS
    with replica.reading() as alias:
        assert alias == "default"


def test_copy_that_does_not_answer_is_not_read(world, monkeypatch):
    connections[replica.ALIAS].close()
    there = connections[replica.ALIAS].settings_dict
    monkeypatch.setitem(there, "NAME", "/nowhere/at/all" if there["ENGINE"] == "gridgov.sqlite" else "no_such_database")
    assert replica.lag_seconds() is None
    with replica.reading() as alias:
        assert (alias, counted()) == ("default", 1)


def test_pages_of_figures_read_the_copy_but_for_who_has_just_written(world):
    client = Client()
    client.force_login(world.people["leader"])
    world.report()

    def reported() -> int:
        shared.forget()
        return client.get("/dashboard/figures/reported/").context["count"]

    assert reported() == 1
    # any form that was sent marks the browser for as long as the copy may lag
    sent = client.post("/notices/read/")
    assert sent.cookies[replica.COOKIE]["max-age"] > 0
    assert reported() == 2
    del client.cookies[replica.COOKIE]
    assert reported() == 1


def _leaves(monkeypatch) -> None:
    """The copy was well a moment ago, and answers nothing from here on."""
    with replica.reading() as alias:
        assert alias == "replica"
    connections[replica.ALIAS].close()
    there = connections[replica.ALIAS].settings_dict
    monkeypatch.setitem(there, "NAME", "/nowhere/at/all" if there["ENGINE"] == "gridgov.sqlite" else "no_such_database")


@pytest.mark.parametrize("path", ["/dashboard/", "/dashboard/figures/reported/"])
def test_page_in_whose_middle_the_copy_leaves_is_read_from_the_database(world, monkeypatch, path):
    client = Client()
    client.force_login(world.people["leader"])
    shared.forget()
    _leaves(monkeypatch)
    assert client.get(path).status_code == 200
    # and for a while nobody asks the copy
    with replica.reading() as alias:
        assert (alias, counted()) == ("default", 1)


def test_error_of_ours_while_the_copy_is_read_is_no_reason_to_read_again(world):
    asked = []

    @replica.reads
    def view(request):
        asked.append(request)
        connections[replica.ALIAS].cursor().execute("SELECT 1 FROM nowhere")

    with pytest.raises(Error):
        view(RequestFactory().get("/"))
    assert len(asked) == 1
    with replica.reading() as alias:
        assert alias == "replica"


def test_export_that_the_copy_left_goes_on_from_the_database(world, monkeypatch):
    _leaves(monkeypatch)
    with pytest.raises(OperationalError), replica.reading():
        counted()
    with replica.reading() as alias:
        assert (alias, counted()) == ("default", 1)


def test_copy_gets_no_migration_and_no_write():
    router = replica.Router()
    assert router.allow_migrate("replica", "incidents") is False
    assert router.allow_migrate("default", "incidents") is True
    assert router.db_for_write(Incident) == "default"
    assert router.db_for_read(Incident) is None


def test_without_a_copy_everything_is_read_from_the_database(db):
    assert not replica.is_well()
    with replica.reading() as alias:
        assert alias == "default"
