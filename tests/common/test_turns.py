"""One at a time, whatever process or thread asks."""

import multiprocessing
import threading

import pytest
from django.db import connections, transaction

from gridgov.common import turns
from tests.processes import database_name, died_alone

pytestmark = pytest.mark.django_db(transaction=True)


def in_a_thread(work) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_who_is_alone_keeps_others_out_until_the_end():
    met: list[bool] = []

    def ask(name: str) -> None:
        with turns.alone(name) as mine:
            met.append(mine)

    with turns.alone("work") as mine:
        assert mine
        in_a_thread(lambda: ask("work")).join(30)
        in_a_thread(lambda: ask("other")).join(30)
    in_a_thread(lambda: ask("work")).join(30)
    assert met == [False, True, True]


def test_who_waits_gets_his_turn():
    held, got = threading.Event(), []
    leave = threading.Event()

    def hold() -> None:
        with turns.alone("work"):
            held.set()
            leave.wait(30)

    def wait() -> None:
        with turns.alone("work", patience=30) as mine:
            got.append(mine)

    holder = in_a_thread(hold)
    assert held.wait(30)
    waiter = in_a_thread(wait)
    leave.set()
    for each in (holder, waiter):
        each.join(30)
    assert got == [True]


def test_who_dies_is_in_nobodys_way():
    child = multiprocessing.get_context("spawn").Process(target=died_alone, args=(database_name(), "work"))
    child.start()
    child.join(120)
    assert child.exitcode == 3
    with turns.alone("work", patience=30) as mine:
        assert mine


def test_transactions_of_one_name_follow_each_other():
    order: list[str] = []

    def later() -> None:
        with transaction.atomic():
            turns.wait_for("x")
            order.append("second")

    with transaction.atomic():
        turns.wait_for("x")
        thread = in_a_thread(later)
        thread.join(0.5)
        order.append("first")
    thread.join(30)
    assert order == ["first", "second"]
