"""What a fault tells Sentry."""

from gridgov.common.observability import tracing


def test_fault_is_told_without_what_is_not_for_the_log():
    event = {
        "request": {"url": "https://x/r/svUuMQ2lnJaPf_src3BbrRjE/", "headers": {"Cookie": "a"}, "query_string": "b"},
        "logentry": {"message": "%s rang", "formatted": "13893122716 rang", "params": ["13893122716"]},
        "exception": {"values": [{"value": "password=geheim"}]},
        "breadcrumbs": {"values": [{"message": "token=73df0a21c0ffee", "data": {"sql": "x"}}]},
    }
    said = repr(tracing._blanked(event, None))
    for secret in ("svUuMQ2lnJaPf", "Cookie", "query_string", "13893122716", "geheim", "73df0a21c0ffee", "sql"):
        assert secret not in said
    assert "138****2716 rang" in said


def test_fault_without_any_of_them_is_told_too():
    assert tracing._blanked({}, None) == {}
