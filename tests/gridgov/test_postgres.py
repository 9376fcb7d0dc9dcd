"""Statements that PostgreSQL keeps parsed and planned, and connections that are looked at without a statement."""

from contextlib import contextmanager

import pytest
from django.db import DatabaseError, connection
from django.db.utils import ProgrammingError

from gridgov.postgres import Statement, base

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="of PostgreSQL's connections"),
]


@pytest.fixture
def another():
    """A connection of our own to the test's database."""
    made = connection.copy()
    yield made
    made.close()


def asked(of, sql, *values):
    with of.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


def ended(other):
    """The server has ended the connection, and told it so."""
    pid = other.connection.get_backend_pid()
    asked(connection, "SELECT pg_terminate_backend(%s, 5000)", pid)


def fetched(of, statement, values):
    count, rows = of.run_prepared(statement, values)
    assert count == len(rows)
    return rows


@contextmanager
def in_a_transaction(of):
    of.set_autocommit(False)
    of.in_atomic_block = True
    try:
        yield
    finally:
        of.in_atomic_block = False
        of.rollback()
        of.set_autocommit(True)


def test_statement_is_prepared_once_a_connection_and_takes_other_values(another):
    twice = Statement("SELECT $1 * 2, '50%' || $2", ("bigint", "unknown"))
    assert fetched(another, twice, [4, "it's %s"]) == [(8, "50%it's %s")]
    assert fetched(another, twice, [-1, None]) == [(-2, None)]
    assert asked(another, "SELECT count(*) FROM pg_prepared_statements") == [(1,)]
    another.close()
    assert fetched(another, twice, [1, "a"]) == [(2, "50%a")]
    assert fetched(another, Statement("SELECT '50%'"), []) == [("50%",)]


def test_rows_that_were_written_are_counted(another):
    asked(another, "CREATE TEMPORARY TABLE kept (a int)")
    assert another.run_prepared(Statement("INSERT INTO kept VALUES ($1), ($2)"), [1, None]) == (2, [])
    assert another.run_prepared(Statement("UPDATE kept SET a = $1 WHERE a = $2"), [3, 9]) == (0, [])
    assert another.run_prepared(Statement("UPDATE kept SET a = $1 WHERE a = $2 RETURNING a"), [3, 1]) == (1, [(3,)])


def test_server_keeps_no_more_than_the_last_used(another, monkeypatch):
    monkeypatch.setattr(base, "KEPT", 3)
    for number in (1, 2, 3, 1, 4, 5):
        assert fetched(another, Statement(f"SELECT {number} + $1", ("bigint",)), [1]) == [(number + 1,)]
    kept = asked(another, "SELECT statement FROM pg_prepared_statements ORDER BY prepare_time")
    assert [text.split(" AS ")[1][:8] for (text,) in kept] == ["SELECT 1", "SELECT 4", "SELECT 5"]
    # what it forgot by itself does not stand in the way of another
    asked(another, "DEALLOCATE ALL")
    assert fetched(another, Statement("SELECT 6 + $1", ("bigint",)), [1]) == [(7,)]


def test_statement_that_the_server_forgot_is_prepared_again(another):
    one = Statement("SELECT $1", ("bigint",))
    fetched(another, one, [1])
    asked(another, "DISCARD ALL")
    assert fetched(another, one, [2]) == [(2,)]


def test_changed_table_is_read_as_it_is_now(another):
    asked(another, "CREATE TEMPORARY TABLE shown (a int)")
    asked(another, "INSERT INTO shown VALUES (7)")
    all_of = Statement("SELECT * FROM shown")
    assert fetched(another, all_of, []) == [(7,)]
    asked(another, "ALTER TABLE shown ADD b int DEFAULT 8")
    assert fetched(another, all_of, []) == [(7, 8)]
    asked(another, "ALTER TABLE shown DROP a")
    with pytest.raises(DatabaseError), in_a_transaction(another):
        fetched(another, all_of, [])
    assert fetched(another, all_of, []) == [(8,)]


def test_faulty_statement_says_so_each_time(another):
    wrong = Statement("SELECT nothing FROM nowhere WHERE a = $1", ("bigint",))
    for _time in range(2):
        with pytest.raises(ProgrammingError, match="nowhere"):
            fetched(another, wrong, [1])
    assert fetched(another, Statement("SELECT 1"), []) == [(1,)]


def test_failed_values_do_not_spoil_the_statement(another):
    share = Statement("SELECT 10 / $1", ("bigint",))
    for _time in range(3):
        with pytest.raises(DatabaseError):
            fetched(another, share, [0])
    assert fetched(another, share, [5]) == [(2,)]
    assert asked(another, "SELECT count(*) FROM pg_prepared_statements") == [(1,)]


def test_connection_that_the_server_ended_is_found_out_without_a_statement(another):
    asked(another, "SELECT 1")
    sent = asked(
        connection, "SELECT query_start FROM pg_stat_activity WHERE pid = %s", another.connection.get_backend_pid()
    )
    assert another.is_usable()
    after = asked(
        connection, "SELECT query_start FROM pg_stat_activity WHERE pid = %s", another.connection.get_backend_pid()
    )
    assert sent == after
    ended(another)
    assert not another.is_usable()
    another.close()
    assert not another.is_usable()


def test_kept_connection_that_the_server_ended_is_replaced_before_it_is_used(another):
    asked(another, "SELECT 1")
    ended(another)
    # as at the begin of each request
    another.health_check_done = False
    another.health_check_enabled = True
    assert fetched(another, Statement("SELECT 1"), []) == [(1,)]
