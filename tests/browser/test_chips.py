"""Time chips go on without a fetch."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from gridgov.common import clock
from incidents.models import Incident
from tests.worlds import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_chip_counts_down_and_turns_when_it_is_due(city: World, signed_in):
    number = city.report()
    now = clock.now()
    Incident.objects.filter(number=number).update(
        due_at=now + timedelta(minutes=80, seconds=30), status_at=now - timedelta(minutes=20)
    )
    page = signed_in("acceptor")
    page.clock.install()
    page.goto("/queue/accept/")
    chip = page.locator(f'[data-number="{number}"] .gg-sla')
    expect(chip).to_have_text("剩 1 时 20 分")
    expect(chip).to_have_class("gg-sla gg-sla-ok")
    page.clock.fast_forward("10:00")
    expect(chip).to_have_text("剩 1 时 10 分")
    page.clock.fast_forward("58:00")
    expect(chip).to_have_text("剩 12 分")
    expect(chip).to_have_class("gg-sla gg-sla-soon")
    page.clock.fast_forward("15:00")
    expect(chip).to_have_text(re.compile("已超 2 分"))
    expect(chip).to_have_class("gg-sla gg-sla-over")
    expect(chip.locator("use")).to_have_attribute("href", re.compile("#alert-circle-filled$"))
    page.clock.fast_forward("25:00:00")
    expect(chip).to_have_text("已超 1 天 1 时")


def test_supervised_case_turns_grave(city: World, signed_in):
    number = city.report()
    Incident.objects.filter(number=number).update(due_at=clock.now() + timedelta(minutes=5), supervision_level=2)
    page = signed_in("acceptor")
    page.clock.install()
    page.goto("/queue/accept/")
    chip = page.locator(f'[data-number="{number}"] .gg-sla')
    expect(chip).to_have_class("gg-sla gg-sla-soon")
    page.clock.fast_forward("06:00")
    expect(chip).to_have_class("gg-sla gg-sla-over2")
