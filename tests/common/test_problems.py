"""Refusals as problem details."""

import json

from gridgov.common.errors import Conflict
from gridgov.common.problems import of_domain


def test_status_of_a_conflict_is_the_answers_and_not_the_cases():
    answer = of_domain(Conflict("案件已变动", code="stale_version", status="reported", version=3))
    said = json.loads(answer.content)
    assert (answer.status_code, said["status"]) == (409, 409)
    assert (said["case_status"], said["version"], said["code"]) == ("reported", 3, "stale_version")
