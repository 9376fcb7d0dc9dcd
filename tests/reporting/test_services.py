"""A month is assessed once, however often it is begun and wherever it is killed."""

import multiprocessing
import os
import random
import signal
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dispatch import loop
from dispatch.actors import actor_of
from gridgov.common.errors import Conflict, FieldError
from gridgov.common.models import User
from grids.models import Area, Level
from grids.spatial import areas
from incidents.catalogue import catalogue
from incidents.services.report import Report
from personnel import assessment_services
from personnel.assessment import FULL
from personnel.assessment_models import Assessment, AssessmentMonth, AssessmentScheme
from personnel.models import Department
from reporting import services, tasks
from tests import processes
from tests.reporting import brute
from tests.reporting.processes import killed_assessor
from tests.reporting.walks import START, Walk
from tests.worlds import World, make_photo

pytestmark = pytest.mark.django_db

spawn = multiprocessing.get_context("spawn")
APRIL = datetime(2026, 4, 2, 1, tzinfo=UTC)
FIELDS = ("grid_id", "worker_id", "lines", "score", "state", "mark")


def rows(**wanted: object) -> list[tuple[object, ...]]:
    return list(Assessment.objects.filter(**wanted).order_by("month__version", "grid").values_list("pk", *FIELDS))


def by_brute_force(year: int, month: int, scheme: AssessmentScheme, grid_ids: list[int]) -> dict[int, tuple]:
    """Score in hundredths and the cases of each indicator, grid by grid, from the journal alone."""
    period = services.month_period(year, month)
    lives = brute.lives(period.end)
    found = {}
    for grid_id in grid_ids:
        said = brute.figures(brute.in_area(lives, grid_id), period.start, period.end)
        cases, points, weight = {}, Fraction(0), Fraction(0)
        for item in scheme.items:
            good, bad = said[item["key"]]
            cases[item["key"]] = (sorted(good), sorted(bad))
            if good or bad:
                weight += Fraction(item["weight"])
                points += Fraction(item["weight"]) * len(good) / (len(good) + len(bad))
        score = int(FULL * points / weight * 100 + Fraction(1, 2)) if weight else None
        found[grid_id] = (score, cases)
    return found


def as_counted(year: int, month: int) -> dict[int, tuple]:
    """The stored rows of the first version in the same form."""
    found = {}
    stored = Assessment.objects.filter(month__on=date(year, month, 1), month__version=1)
    for grid_id, score, lines in stored.values_list("grid_id", "score", "lines"):
        found[grid_id] = (
            score,
            {
                line["key"]: (sorted(n for n, _seq in line["hits"]), sorted(n for n, _seq in line["misses"]))
                for line in lines
            },
        )
    return found


@pytest.fixture
def walked(world: World) -> World:
    """Some weeks in March and April."""
    call_command("load_assessment", verbosity=0)
    walk = Walk(world, 31).run(260, cases=24, pace_minutes=150)
    assert walk.now > APRIL
    return world


def test_month_equals_the_brute_force_count_and_stays_the_same(walked: World) -> None:
    month = services.assess_month(2026, 3, walked.root, batch=5)
    assert (month.version, month.computed_at is not None) == (1, True)
    first = rows()
    assert len(first) == 16
    counted = by_brute_force(2026, 3, month.scheme, month.grid_ids)
    assert as_counted(2026, 3) == counted
    assert sum(score is not None for score, _cases in counted.values()) >= 4
    assert services.assess_month(2026, 3, walked.root) == month
    assert rows() == first


def test_rows_name_the_worker_of_the_grid_or_of_none(walked: World) -> None:
    services.assess_month(2026, 3, walked.root)
    workers = dict(Assessment.objects.values_list("grid__code", "worker__username"))
    assert workers["620901001001001"] == "grid_worker"
    assert workers["620901001001002"] == "grid_worker_2"
    assert workers["620901002001001"] is None


def test_evidence_stands_in_the_journal_within_the_month(walked: World) -> None:
    services.assess_month(2026, 3, walked.root)
    period = services.month_period(2026, 3)
    pairs = {
        (number, seq)
        for lines in Assessment.objects.values_list("lines", flat=True)
        for line in lines
        for number, seq in line["hits"] + line["misses"]
    }
    assert len(pairs) > 15
    for number, seq in pairs:
        entry = walked.case(number).journal.get(seq=seq)
        assert entry.at < period.end


def test_statements_do_not_grow_with_cases(walked: World, settings: Any) -> None:
    settings.REFERENCE_CHECK_SECONDS = 600
    month = assessment_services.open_month(
        root=walked.root, on=date(2026, 3, 1), grid_ids=[a.pk for a in walked.areas.values() if a.level == 5],
        known_at=APRIL,
    )  # fmt: skip
    services.rows_of(month, month.grid_ids[:1])
    for grids in (month.grid_ids[:1], month.grid_ids):
        with CaptureQueriesContext(connection) as queries:
            services.rows_of(month, grids)
        assert len(queries) == 6


def test_month_that_is_not_over_or_has_no_scheme_is_refused(world: World) -> None:
    with pytest.raises(FieldError) as refused:
        services.assess_month(2026, 13, world.root, at=APRIL)
    assert refused.value.field == "month"
    with pytest.raises(FieldError):
        services.assess_month(2026, 4, world.root, at=APRIL)
    with pytest.raises(Conflict) as without:
        services.assess_month(2026, 3, world.root, at=APRIL)
    assert without.value.code == "no_scheme"
    assert not AssessmentMonth.objects.exists()


def test_months_are_civil_months_of_the_zone() -> None:
    period = services.month_period(2025, 12)
    assert period.start == datetime(2025, 11, 30, 16, tzinfo=UTC)
    assert period.end == datetime(2025, 12, 31, 16, tzinfo=UTC)


def test_exemption_granted_later_counts_in_a_new_version_alone(world: World) -> None:
    call_command("load_assessment", verbosity=0)
    checker, leader = world.people["grid_worker"].pk, world.people["grid_leader"]
    for hours in (1, 30):
        number = world.report(at=START)
        world.perform(number, "request_check", "acceptor", checker=checker, at=START)
        given = {"note": "属实", "attachments": [world.photo("grid_worker")]}
        world.perform(number, "confirm_check", "grid_worker", at=START + timedelta(hours=hours), **given)

    def checks(row: Assessment) -> tuple[int, int, int | None]:
        line = next(line for line in row.lines if line["key"] == "on_time_check")
        return len(line["hits"]), len(line["misses"]), row.score

    month = services.assess_month(2026, 3, world.root, at=APRIL)
    first = Assessment.objects.get(month=month, grid__code="620901001001001")
    assert checks(first) == (1, 1, 5000)
    assessment_services.review(assessment_id=first.pk, by=leader, at=APRIL)
    assessment_services.publish(assessment_id=first.pk, by=leader, at=APRIL + timedelta(days=8))
    walk = Walk(world, 0, now=APRIL + timedelta(days=9))
    assert walk.exempt(1.0) == 1
    # computed anew the first version says what it said
    assert services.rows_of(month, [first.grid_id])[0].lines == first.lines
    second = assessment_services.open_correction(
        root=world.root, on=date(2026, 3, 1), grid_ids=[first.grid_id], reason="免责", by=leader,
        at=APRIL + timedelta(days=10),
    )  # fmt: skip
    assert checks(services.compute(second).rows.get()) == (1, 0, 10_000)
    assert checks(Assessment.objects.get(pk=first.pk)) == (1, 1, 5000)


def test_task_assesses_the_last_month_and_computes_corrections(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gridgov.common.clock.now", lambda: APRIL)
    tasks.assess_due()
    assert not AssessmentMonth.objects.exists()  # no scheme yet: nothing to do, and no error
    call_command("load_assessment", verbosity=0)
    tasks.assess_due()
    tasks.assess_due()
    assert list(AssessmentMonth.objects.values_list("on", "version")) == [(date(2026, 3, 1), 1)]
    AssessmentMonth.objects.create(
        root=world.root, on=date(2026, 3, 1), version=2, scheme=AssessmentScheme.objects.get(), known_at=APRIL,
        grid_ids=[world.areas["620901001001001"].pk], reason="更正",
    )  # fmt: skip
    tasks.assess_due()
    assert Assessment.objects.filter(month__version=2).count() == 1
    assert not AssessmentMonth.objects.filter(computed_at__isnull=True).exists()


# --- the first city with all its grids, killed half-way ------------------------------------------------------------


def some_cases(seed: int, count: int) -> None:
    """Cases of March in grids of 西固区, found by field workers or told by the public, each carried so far."""
    chance = random.Random(seed)
    index = areas.index()
    own = Area.objects.get(level=Level.DISTRICT, code="620104").pk
    grids = sorted((r for r in index.all() if r.level == Level.GRID and own in r.ancestors), key=lambda r: r.code)
    users = {user.username: user for user in User.objects.all()}
    actors = {}

    def actor(login: str):
        return actors.setdefault(login, actor_of(users[login]))

    categories = [c for top in catalogue().categories() for c in catalogue().categories(top.id)]
    usable = [c for c in categories if c.is_reportable and not c.is_urgent and not c.is_confidential]
    usable = [c for c in usable if catalogue().standards_of(c.id) and not c.is_answerable]
    lead = {"department": Department.objects.get(postings__worker__user__username="department_handler").pk}
    for grid in chance.sample(grids, count):
        at = START + timedelta(hours=chance.uniform(0, 400))
        worker = f"w{index.get(grid.parent_id).code}"
        found = chance.random() < 0.6
        category = chance.choice(usable)
        body = Report(
            source="worker" if found else "hotline", category=category.code, description="路边", lon=grid.label[0],
            lat=grid.label[1],
        )  # fmt: skip
        number = loop.report(body=body, by=actor(worker if found else "acceptor"), at=at).number
        result = chance.choice(["satisfied", "very_satisfied", "unsatisfied"])
        standard = catalogue().standards_of(category.id)[0].code
        steps = [
            ("request_check", "acceptor", {"checker": users[worker].pk}),
            ("confirm_check", worker, {"note": "属实", "attachments": 1}),
            ("file", "duty_chief", {"standard": standard}),
            ("dispatch", "dispatcher", {"lead": lead}),
            ("sign", "department_handler", {}),
            ("feed_back", "department_handler", {"note": "已处置", "attachments": 2}),
            ("request_verification", "acceptor", {"verifier": users[worker].pk}),
            ("pass", worker, {"note": "已看", "attachments": 2}),
            ("close", "duty_chief", {}),
            ("evaluate", "acceptor", {"result": result}),
        ]
        if chance.random() < 0.15:
            steps = [("reject", "acceptor", {"reason": "not_ours", "note": "不属本部门"})]
        for action, login, payload in steps[: chance.choice([4, 8, 10, 10, 10])]:
            at += timedelta(minutes=chance.choice([5, 20, 50, 300, 1500]))
            if "attachments" in payload:
                photos = [make_photo(users[login]) for _ in range(payload["attachments"])]
                payload = payload | {"attachments": photos}
            loop.perform(number=number, action=action, by=actor(login), at=at, **payload)


@pytest.mark.django_db(transaction=True)
def test_all_grids_killed_half_way_and_resumed_come_to_the_same() -> None:
    call_command("seed_reference", password="changed-on-2026", verbosity=0, stdout=open(os.devnull, "w"))
    call_command("load_assessment", verbosity=0)
    root = Area.objects.get(code="620100", parent=None)
    some_cases(7, 30)
    reached = spawn.Event()
    args = (processes.database_name(), 2026, 3, "620100", 4, reached)
    process = spawn.Process(target=killed_assessor, args=args)
    process.start()
    assert reached.wait(120)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    half = rows()
    assert len(half) == 4 * services.BATCH
    month = AssessmentMonth.objects.get()
    assert (len(month.grid_ids), month.computed_at) == (1748, None)
    anew = services.rows_of(month, month.grid_ids)
    expected = [(r.grid_id, r.worker_id, r.lines, r.score, "computed", 0) for r in anew]

    done = services.assess_month(2026, 3, root)
    whole = rows()
    assert done.pk == month.pk
    assert done.computed_at is not None
    assert done.known_at == month.known_at
    assert [row[1:] for row in whole] == sorted(expected)
    assert whole[: len(half)] == half
    assert services.assess_month(2026, 3, root) == done
    assert rows() == whole
    assert as_counted(2026, 3) == by_brute_force(2026, 3, month.scheme, month.grid_ids)
    assert sum(row[4] is not None for row in whole) >= 20
    assert all(row[2] is not None for row in whole)
