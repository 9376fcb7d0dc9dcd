"""Delivering is done by one task at a time in a process, and no word to look is lost."""

import threading

from dispatch import tasks


def test_deliveries_of_one_process_do_not_take_its_other_threads(monkeypatch):
    inside, go_on = threading.Event(), threading.Event()
    rounds = []

    def slow():
        rounds.append(threading.current_thread().name)
        inside.set()
        assert go_on.wait(10)
        return 1

    monkeypatch.setattr(tasks, "_deliver", slow)
    first = threading.Thread(target=tasks.deliver_pending, name="first")
    first.start()
    assert inside.wait(10)
    # while one is at it others return at once, having left word
    assert [tasks.deliver_pending() for _poke in range(5)] == [0] * 5
    go_on.set()
    first.join(10)
    assert rounds == ["first", "first"]  # once more for the word left, not five times


def test_delivering_hands_over_under_a_load_without_end(monkeypatch):
    rounds = []

    def busy():
        rounds.append(1)
        tasks._wanted.set()
        return 2

    monkeypatch.setattr(tasks, "_deliver", busy)
    assert tasks.deliver_pending() == 2 * tasks.ROUNDS
    assert len(rounds) == tasks.ROUNDS
    tasks._wanted.clear()
