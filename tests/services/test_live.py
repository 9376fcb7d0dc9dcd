"""The deployment of several processes: they are up, and a lost worker loses nothing."""

import time
import urllib.request
from datetime import datetime

import psycopg2
import pytest

pytestmark = pytest.mark.services


def heartbeats(url: str) -> dict[str, datetime]:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, beat_at FROM common_heartbeat")
            return dict(cursor.fetchall())
    finally:
        connection.close()


def until(condition, seconds: float = 60):
    """Waits for another process; the time it takes is not what is tested."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "the other process did nothing"
        time.sleep(0.1)
    return result


def test_web_process_answers_with_pages_and_files(live_url):
    for path in ("/admin/login/", "/static/admin/css/base.css"):
        with urllib.request.urlopen(live_url + path) as answer:
            assert answer.status == 200


def test_worker_and_beat_processes_give_signs_of_life(live_database_url):
    until(lambda: {"worker", "beat"} <= heartbeats(live_database_url).keys())
    before = heartbeats(live_database_url)
    until(lambda: heartbeats(live_database_url)["worker"] > before["worker"])
    until(lambda: heartbeats(live_database_url)["beat"] > before["beat"])
