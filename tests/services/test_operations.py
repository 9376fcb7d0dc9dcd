"""The deployment of several processes tells how it is: readiness, figures of all processes, and who lives."""

import json
import time
import urllib.error
import urllib.request
from contextlib import closing

import psycopg2
import pytest

pytestmark = pytest.mark.services


def until(condition, seconds: float = 90):
    """Waits for other processes; the time it takes is not what is tested."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "the other processes did nothing"
        time.sleep(0.2)
    return result


def read(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def test_web_is_ready_once_every_part_lives(live_url):
    assert read(live_url + "/livez") == (200, '{"alive":true}')
    until(lambda: read(live_url + "/readyz?strict=1")[0] == 200)
    assert {part["status"] for part in json.loads(read(live_url + "/readyz")[1])["parts"].values()} == {"ok"}


def test_every_process_says_that_it_lives(live_database_url):
    def kinds() -> dict[str, int]:
        with closing(psycopg2.connect(live_database_url)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT kind, COUNT(*) FROM common_processreport GROUP BY kind")
            return dict(cursor.fetchall())

    # two web processes, the two of the worker's pool, beat and the streams
    until(lambda: kinds() == {"web": 2, "worker": 2, "beat": 1, "live": 1})


def test_figures_are_added_up_over_the_web_processes(live_url):
    def counted() -> float:
        lines = read(live_url + "/metrics")[1].splitlines()
        wanted = 'gridgov_requests_total{method="GET",route="livez",status="200"}'
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(wanted))

    before = counted()
    for _request in range(40):
        assert read(live_url + "/livez")[0] == 200
    # others may ask meanwhile, too; a process that knew only its own would have about half
    assert counted() - before >= 40
    assert "gridgov_sweep_lag_seconds " in read(live_url + "/metrics")[1]
