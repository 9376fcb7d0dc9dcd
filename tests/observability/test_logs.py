"""Log lines: what they are about, and what never stands in them."""

import json
import logging
import logging.config
import sys

import pytest

from gridgov.common.observability import context
from gridgov.common.observability.logs import Context, Json, Line, configuration, without_secrets


def record(message: str, *values: object, **extra: object) -> logging.LogRecord:
    made = logging.getLogger("a.b").makeRecord("a.b", logging.WARNING, "f", 1, message, values, None, extra=extra)
    assert Context().filter(made)
    return made


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("来电 13893122716 王女士", "来电 138****2716 王女士"),
        ("+86 138-9312", "+86 138-9312"),
        ("+8613893122716", "138****2716"),
        ("座机0931-8267123", "座机0931****7123"),
        ("案件 62090120261126000017", "案件 62090120261126000017"),
        ("id a13893122716b", "id a13893122716b"),
        ("postgres://gridgov:geheim@db:5432/x", "postgres://gridgov:***@db:5432/x"),
        ("redis://:geheim@redis:6379/0", "redis://:***@redis:6379/0"),
        ("Authorization: Token abcdef0123", "Authorization: ***"),
        ('{"password": "geheim", "username": "a"}', '{"password": "***", "username": "a"}'),
        ("SECRET_KEY=abc JOURNAL_KEY=def", "SECRET_KEY=*** JOURNAL_KEY=***"),
        ("Not Found: /r/Ab3_-xyz012345/", "Not Found: /r/***/"),
        ("Not Found: /reports/2026/", "Not Found: /reports/2026/"),
    ],
)
def test_text_of_a_log_has_no_phone_number_and_no_secret(text, shown):
    assert without_secrets(text) == shown


def test_json_line_names_request_case_and_route():
    with context.at_work(context.Work("abc-12345678", where="cases/<case:number>/", case="6209010001")):
        line = Json().format(record("%s 办结", "13893122716", ms=12.5))
    said = json.loads(line)
    assert said["message"] == "138****2716 办结"
    assert (said["level"], said["logger"], said["ms"]) == ("WARNING", "a.b", 12.5)
    assert (said["request_id"], said["case"], said["where"]) == ("abc-12345678", "6209010001", "cases/<case:number>/")
    assert said["at"]


def test_json_line_of_a_fault_is_one_line_without_secrets():
    try:
        raise ValueError("password=geheim")
    except ValueError:
        made = logging.getLogger("a").makeRecord("a", logging.ERROR, "f", 1, "x", (), sys.exc_info())
    Context().filter(made)
    line = Json().format(made)
    assert "\n" not in line
    assert "geheim" not in line
    assert "ValueError" in json.loads(line)["exc_info"]


def test_line_for_people_says_what_it_is_about_only_where_it_is_about_something():
    assert Line("%(message)s").format(record("x")) == "x"
    with context.at_work(context.Work("abcdefgh-ijk", case="6209")):
        assert Line("%(message)s").format(record("x")) == "x [abcdefgh 6209]"


@pytest.mark.parametrize("form", ["line", "json"])
def test_configuration_is_one_that_logging_takes(form):
    logging.config.DictConfigurator(configuration(form=form, level="INFO", requests=True))
    assert configuration(form=form, level="INFO", requests=False)["loggers"]["gridgov.request"]["level"] == "WARNING"
