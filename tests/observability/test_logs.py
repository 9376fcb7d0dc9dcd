"""Log lines: what they are about, and what never stands in them."""

import json
import logging
import logging.config
import sys

import pytest

from gridgov.common.observability import context
from gridgov.common.observability.logs import Context, Json, Line, configuration
from gridgov.common.secrecy import WithoutSecrets


def record(message: str, *values: object, **extra: object) -> logging.LogRecord:
    made = logging.getLogger("a.b").makeRecord("a.b", logging.WARNING, "f", 1, message, values, None, extra=extra)
    assert Context().filter(made)
    assert WithoutSecrets().filter(made)
    return made


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


def test_what_the_caller_added_is_masked_in_json_too():
    said = json.loads(Json().format(record("x", by="来电 13893122716", sent="password=geheim", ms=3)))
    assert (said["by"], said["sent"], said["ms"]) == ("来电 138****2716", "password=***", 3)


@pytest.mark.parametrize("form", ["line", "json"])
def test_configuration_is_one_that_logging_takes(form):
    logging.config.DictConfigurator(configuration(form=form, level="INFO", requests=True))
    assert configuration(form=form, level="INFO", requests=False)["loggers"]["gridgov.request"]["level"] == "WARNING"
