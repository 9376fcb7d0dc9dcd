"""Notices once a person, deliveries tried again, failed for all to see, and digests after an outage."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from dispatch import notify
from dispatch.models import Notice, NoticeDelivery
from dispatch.notify import Told
from gridgov.common import clock
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from gridgov.common.models import AuditEntry

pytestmark = pytest.mark.django_db


class Gateway(SimpleNamespace):
    """A channel that fails for the users it is told to."""

    NAME = "sms"

    def send(self, messages):
        self.sent += [message.text for message in messages if message.user_id not in self.fails]
        return {m.delivery_id: "号码空号" for m in messages if m.user_id in self.fails}


@pytest.fixture
def gateway(monkeypatch):
    made = Gateway(fails=set(), sent=[])
    monkeypatch.setattr(notify, "CHANNELS", dict(notify.CHANNELS) | {"sms": made})
    return made


def told(world, login: str = "acceptor", **values) -> Told:
    if "incident_id" not in values:
        values |= {"incident_id": world.case(world.report()).pk, "entry_seq": 1}
    return Told(**({"user_id": world.people[login].pk, "topic": "t", "text": "内容"} | values))


def store(*what: Told) -> int:
    return notify.store(what, at=clock.now())


def step(number: int, user_id: int = 1, key: str = "warn") -> Told:
    return Told(user_id, number, 2, f"step:handle:{key}", f"案{number}", number=f"N{number}")


# --- digests (pure) -----------------------------------------------------------------------------------------------


def test_few_steps_are_told_one_by_one():
    given = [step(n) for n in range(notify.DIGEST_OVER)]
    assert notify.digested(given) == given


def test_many_steps_of_a_person_become_one_digest():
    many = [step(n) for n in range(7)] + [step(0, key="breach")]
    other = [step(n, user_id=2) for n in range(3)]
    also = Told(1, 9, 4, "verify", "待核查")
    found = notify.digested([*many, *other, also])
    assert [t for t in found if t.user_id == 2] == other
    assert also in found
    (digest,) = [t for t in found if t.topic == "step_digest:7:8"]
    assert (digest.user_id, digest.incident_id) == (1, None)
    assert digest.text == "7件案件共有8个时限节点到期或超时：N0、N1、N2、N3、N4等"
    assert len(found) == 5


def test_the_same_twice_is_told_once():
    assert notify.digested([step(1), step(1)]) == [step(1)]


# --- storing ------------------------------------------------------------------------------------------------------


def test_person_is_told_once_of_an_entry(world):
    case = world.case(world.report())
    same = told(world, incident_id=case.pk, entry_seq=1)
    store(same)
    store(same, told(world, "dispatcher", incident_id=case.pk, entry_seq=1))
    assert sorted(Notice.objects.values_list("user__username", flat=True)) == ["acceptor", "dispatcher"]
    assert NoticeDelivery.objects.count() == 2


def test_outage_told_in_several_batches_is_one_digest_a_person(world):
    user_id, at = world.people["acceptor"].pk, clock.now()
    for batch in range(3):
        many = [Told(user_id, n, 2, "step:handle:warn", "x", number=f"N{batch}{n}") for n in range(10)]
        notify.store(notify.digested(many), at=at + timedelta(minutes=batch))
    notice = Notice.objects.get()
    assert (notice.topic, notice.deliveries.count()) == ("step_digest:30:30", 1)
    assert notice.text == "30件案件共有30个时限节点到期或超时：N20、N21、N22、N23、N24等"
    Notice.objects.update(read_at=at)
    notify.store(notify.digested(many), at=at + timedelta(minutes=4))
    assert Notice.objects.count() == 2


def test_storing_takes_as_many_statements_for_many_as_for_one(world, django_assert_num_queries):
    case = world.case(world.report())
    logins = ["acceptor", "dispatcher", "verifier", "leader"]
    with django_assert_num_queries(3):
        store(*(told(world, login, incident_id=case.pk, entry_seq=1) for login in logins))
    with django_assert_num_queries(0):
        store()


def test_long_text_is_cut(world):
    store(told(world, text="长" * 400))
    assert len(Notice.objects.get().text) == 300


def test_two_channels_of_one_notice_are_two_deliveries(world, gateway):
    case = world.case(world.report())
    same = {"incident_id": case.pk, "entry_seq": 1}
    store(told(world, **same), told(world, channel="sms", **same))
    assert Notice.objects.count() == 1
    assert sorted(NoticeDelivery.objects.values_list("channel", flat=True)) == ["in_app", "sms"]


# --- sending ------------------------------------------------------------------------------------------------------


def test_notice_in_the_product_arrives(world):
    store(told(world))
    now = clock.now()
    assert notify.send_due(now=now) == 1
    delivery = NoticeDelivery.objects.get()
    assert (delivery.state, delivery.sent_at, delivery.next_try_at) == ("sent", now, None)
    assert notify.send_due(now=now) == 0


def test_failed_one_is_tried_again_with_growing_pauses_and_then_fails_visibly(world, gateway):
    gateway.fails = {world.people["acceptor"].pk}
    store(told(world, channel="sms"), told(world, "dispatcher", channel="sms"))
    now = clock.now()
    pauses = []
    for _ in range(notify.TRIES):
        arrived = notify.send_due(now=now)
        delivery = NoticeDelivery.objects.get(notice__user__username="acceptor")
        pauses.append(delivery.next_try_at and (delivery.next_try_at - now).total_seconds())
        assert notify.send_due(now=now) == 0
        now = delivery.next_try_at or now
    assert arrived == 0
    assert pauses == [10, 20, 40, 80, 160, None]
    assert (delivery.state, delivery.attempt_count, delivery.last_error) == ("failed", 6, "号码空号")
    assert gateway.sent == ["内容"]
    assert NoticeDelivery.objects.get(notice__user__username="dispatcher").state == "sent"


def test_gateway_that_is_down_fails_its_own_and_no_other(world, gateway, monkeypatch):
    def down(messages):
        raise OSError("unreachable")

    monkeypatch.setattr(gateway, "send", down)
    store(told(world, channel="sms"), told(world, "dispatcher"))
    assert notify.send_due(now=clock.now()) == 1
    waiting = NoticeDelivery.objects.get(channel="sms")
    assert (waiting.state, waiting.last_error) == ("pending", "OSError: unreachable")


def test_channel_that_is_no_longer_there_is_a_failure(world, gateway, monkeypatch):
    store(told(world, channel="sms"))
    monkeypatch.undo()
    assert notify.send_due(now=clock.now()) == 0
    assert NoticeDelivery.objects.get().last_error == "没有这个渠道：sms"


def test_failed_one_is_sent_again_by_who_operates_the_loop(world, gateway):
    gateway.fails = {world.people["acceptor"].pk}
    store(told(world, channel="sms"))
    NoticeDelivery.objects.update(state="failed", attempt_count=6, next_try_at=None, last_error="号码空号")
    delivery_id = NoticeDelivery.objects.get().pk
    with pytest.raises(NotPermitted) as refused:
        notify.resend(delivery_id=delivery_id, by=world.actor("acceptor"), reason="换号重发")
    assert refused.value.missing == "operate_loop"
    with pytest.raises(NotPermitted):
        # of another district
        notify.resend(delivery_id=delivery_id, by=world.actor("duty_chief_b"), reason="换号重发")
    with pytest.raises(NotFound):
        notify.resend(delivery_id=0, by=world.actor("duty_chief"), reason="换号重发")
    with pytest.raises(FieldError):
        notify.resend(delivery_id=delivery_id, by=world.actor("duty_chief"), reason=" ")
    notify.resend(delivery_id=delivery_id, by=world.actor("duty_chief"), reason="换号重发")
    again = NoticeDelivery.objects.get()
    assert (again.state, again.attempt_count) == ("pending", 0)
    entry = AuditEntry.objects.get(action="notice.resend")
    assert (entry.actor, entry.detail) == (world.people["duty_chief"], {"error": "号码空号", "reason": "换号重发"})
    with pytest.raises(Conflict):
        notify.resend(delivery_id=delivery_id, by=world.actor("duty_chief"), reason="换号重发")
    gateway.fails.clear()
    assert notify.send_due(now=clock.now() + timedelta(seconds=1)) == 1
