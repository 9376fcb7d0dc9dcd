"""The case and what hangs on it directly."""

import secrets

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Right
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from grids.models import Area, Component
from incidents.workflow import ENDED, RESULTS, WITH_LIVE_TICKET, Status

from .catalogue import Category, FilingStandard

ENDED_VALUES = sorted(status.value for status in ENDED)
WITH_TICKET_VALUES = sorted(status.value for status in WITH_LIVE_TICKET)


def _token() -> str:
    return secrets.token_urlsafe(18)


class Reporter(models.Model):
    """Who reported a case from outside: only what is needed to answer. Blanked by the retention job.

    Lists and pages show the phone masked; each reveal is journalled. ``token`` is the link given at report.
    """

    name = models.CharField(_("称呼"), max_length=60, blank=True)
    phone = models.CharField(_("电话"), max_length=30, blank=True)
    token = models.CharField(max_length=32, unique=True, default=_token, editable=False)
    blanked_at = models.DateTimeField(_("清除时间"), null=True, blank=True)

    class Meta:
        verbose_name = _("上报人")
        verbose_name_plural = _("上报人")

        indexes = [
            # of a phone the last four figures are looked for (dispatch.finding)
            models.Index(Right("phone", 4), condition=~Q(phone=""), name="reporter_phone_tail"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class Incident(models.Model):
    """A case (案件). Status, clocks and journal are written by ``incidents`` only, through ``dispatch.loop``.

    Invariants: the status is one that the table reaches; ``version`` rises by transitions and amendments only;
    ``head_seq`` and ``head_mac`` are those of its last journal entry; ``ended_at`` is set exactly when the status
    is an ended one; ``lead_assignment`` names the live lead ticket exactly while one must exist. The five level
    columns are the chain of areas of its place (NULL where a level is skipped); for a case without a place they
    are the chain of the centre that received it, and ``is_placed`` is false. Coordinates: lon, lat, degrees,
    WGS-84 (CGCS2000); what was sent stands in the ``raw`` columns. Instants in UTC; ``received_at`` is the
    server's receipt, ``occurred_at`` only a fact beside it. An imported case (``is_adopted``, by
    ``incidents.services.adopt``) has the times of the system it comes from; where its closing is not known it is
    closed without ``closed_at``, and ``ended_at`` is its receipt.
    """

    class Source(models.TextChoices):
        WORKER = "worker", _("网格员巡查")
        QR = "qr", _("扫码上报")
        HOTLINE = "hotline", _("热线")
        WEB = "web", _("网络")
        LEADER = "leader", _("领导交办")
        UPPER = "upper", _("上级转办")
        SENSOR = "sensor", _("物联感知")
        OTHER = "other", _("其他")

    number = models.CharField(_("案件编号"), max_length=24, unique=True)
    status = models.CharField(_("状态"), max_length=12, choices=Status, default=Status.REPORTED)
    status_before = models.CharField(_("并案前状态"), max_length=12, choices=Status, blank=True)
    version = models.PositiveIntegerField(_("版本"), default=1)
    head_seq = models.PositiveIntegerField(_("流转序号"), default=0)
    head_mac = models.CharField(max_length=64, blank=True)

    source = models.CharField(_("来源"), max_length=10, choices=Source)
    category = models.ForeignKey(Category, verbose_name=_("类别"), on_delete=models.PROTECT, related_name="+")
    standard = models.ForeignKey(
        FilingStandard, verbose_name=_("立案条件"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    description = models.TextField(_("描述"), blank=True)
    address = models.CharField(_("地址"), max_length=200, blank=True)
    lon = models.FloatField(_("经度"), null=True, blank=True)
    lat = models.FloatField(_("纬度"), null=True, blank=True)
    raw_lon = models.FloatField(null=True, blank=True)
    raw_lat = models.FloatField(null=True, blank=True)
    raw_crs = models.CharField(max_length=10, blank=True)
    accuracy_m = models.FloatField(_("定位精度（米）"), null=True, blank=True)
    occurred_at = models.DateTimeField(_("发生时间"), null=True, blank=True)
    received_at = models.DateTimeField(_("收到时间"))
    component = models.ForeignKey(
        Component, verbose_name=_("部件"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reporter = models.ForeignKey(
        Reporter, verbose_name=_("上报人"), null=True, blank=True, on_delete=models.PROTECT, related_name="incidents"
    )
    reported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("登记人"),
        db_index=False,
    )

    city = models.ForeignKey(Area, on_delete=models.PROTECT, related_name="+", db_index=False)
    district = models.ForeignKey(Area, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    street = models.ForeignKey(Area, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    community = models.ForeignKey(Area, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    grid = models.ForeignKey(Area, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    is_placed = models.BooleanField(_("已定位"), default=False)
    placed_revision = models.PositiveIntegerField(_("定位所用区划修订"), default=0)
    holder = models.ForeignKey(Area, verbose_name=_("承办中心"), on_delete=models.PROTECT, related_name="+")
    previous_holder = models.ForeignKey(Area, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    is_given_back = models.BooleanField(_("已退回上一中心"), default=False)
    first_receiver = models.ForeignKey(
        Area, verbose_name=_("首问中心"), on_delete=models.PROTECT, related_name="+", db_index=False
    )

    checker = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("核实人"),
        db_index=False,
    )
    verifier = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("核查人"),
        db_index=False,
    )
    on_site_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("自行处置人"),
        db_index=False,
    )
    parent = models.ForeignKey(
        "self", verbose_name=_("主案件"), null=True, blank=True, on_delete=models.PROTECT, related_name="merged"
    )

    assignment = models.PositiveIntegerField(_("派遣次数"), default=0)
    lead_assignment = models.PositiveIntegerField(_("在办主办工单"), null=True, blank=True)
    rework_count = models.PositiveIntegerField(_("返工次数"), default=0)
    return_count = models.PositiveIntegerField(_("退单次数"), default=0)
    extension_count = models.PositiveIntegerField(_("延期次数"), default=0)
    reopen_count = models.PositiveIntegerField(_("重新立案次数"), default=0)
    was_suspended = models.BooleanField(_("曾挂账"), default=False)
    suspended_until = models.DateTimeField(_("挂账至"), null=True, blank=True)
    supervision_level = models.PositiveSmallIntegerField(_("督办级别"), default=0)
    is_urgent = models.BooleanField(_("紧急"), default=False)
    is_confidential = models.BooleanField(_("保密"), default=False)
    is_force_closed = models.BooleanField(pgettext_lazy("done", "强制结案"), default=False)
    is_answered = models.BooleanField(pgettext_lazy("done", "直接答复"), default=False)
    is_adopted = models.BooleanField(_("历史导入"), default=False)
    external_system = models.CharField(_("原系统"), max_length=40, blank=True)
    external_id = models.CharField(_("原系统编号"), max_length=80, blank=True)
    evaluation = models.CharField(_("评价结果"), max_length=16, blank=True, choices=list(RESULTS.items()))

    due_at = models.DateTimeField(_("当前到期"), null=True, blank=True)
    status_at = models.DateTimeField(_("进入状态时间"))
    closed_at = models.DateTimeField(_("结案时间"), null=True, blank=True)
    ended_at = models.DateTimeField(_("结束时间"), null=True, blank=True)

    deliver_lease = models.CharField(max_length=32, blank=True, editable=False)
    deliver_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("案件")
        verbose_name_plural = _("案件")
        ordering = ["-id"]
        constraints = [
            # a case has a time of ending exactly when its status is an ended one
            models.CheckConstraint(
                condition=Q(status__in=ENDED_VALUES, ended_at__isnull=False)
                | (~Q(status__in=ENDED_VALUES) & Q(ended_at__isnull=True)),
                name="incident_ended_at_iff_ended",
            ),
            # a case that is with a handler has one live lead ticket; any other has none
            models.CheckConstraint(
                condition=Q(status__in=WITH_TICKET_VALUES, lead_assignment__isnull=False)
                | (~Q(status__in=WITH_TICKET_VALUES) & Q(lead_assignment__isnull=True)),
                name="incident_live_lead_iff_with_handler",
            ),
            # a merged case has the case it went into and knows where it came from; no other has a parent
            models.CheckConstraint(
                condition=Q(status="merged", parent__isnull=False, status_before__in=["reported", "accepted", "filed"])
                | (~Q(status="merged") & Q(status_before="")),
                name="incident_merged_has_parent",
            ),
            # a suspended case says until when; nothing else does
            models.CheckConstraint(
                condition=Q(status="suspended", suspended_until__isnull=False)
                | (~Q(status="suspended") & Q(suspended_until__isnull=True)),
                name="incident_suspended_until",
            ),
            # a position is whole and on the globe
            models.CheckConstraint(
                condition=Q(lon__isnull=True, lat__isnull=True)
                # said again: a comparison with NULL is not false, and a check refuses only what is false
                | Q(
                    lon__isnull=False,
                    lat__isnull=False,
                    lon__gte=-180,
                    lon__lte=180,
                    lat__gte=-90,
                    lat__lte=90,
                ),
                name="incident_position_whole",
            ),
            # a case past filing has the condition it was filed under (imported and on-site cases aside)
            models.CheckConstraint(
                condition=~Q(status__in=["filed", "dispatched", "handling", "suspended"]) | Q(standard__isnull=False),
                name="incident_filed_has_standard",
            ),
            # a case that waits for its checker names him
            models.CheckConstraint(
                condition=~Q(status="checking") | Q(checker__isnull=False), name="incident_checking_has_checker"
            ),
            # an imported case, and no other, has the id it had where it came from
            models.CheckConstraint(
                condition=(Q(is_adopted=True) & ~Q(external_id="")) | Q(is_adopted=False, external_id=""),
                name="incident_adopted_has_external_id",
            ),
            # and it is imported once
            models.UniqueConstraint(
                fields=["city", "external_system", "external_id"],
                condition=Q(is_adopted=True),
                name="incident_adopted_once",
            ),
        ]
        indexes = [
            models.Index(fields=["status", "-id"], name="incident_status"),
            models.Index(fields=["city", "status", "-id"], name="incident_city"),
            models.Index(fields=["district", "status", "-id"], name="incident_district"),
            models.Index(fields=["street", "status", "-id"], name="incident_street"),
            models.Index(fields=["district", "-id"], name="incident_district_newest"),
            models.Index(fields=["street", "-id"], name="incident_street_newest"),
            # within a community or a grid there are few enough to look for a status among them
            models.Index(fields=["community", "-id"], name="incident_community_newest"),
            models.Index(fields=["grid", "-id"], name="incident_grid_newest"),
            models.Index(fields=["holder", "due_at", "id"], condition=Q(ended_at__isnull=True), name="incident_queue"),
            models.Index(fields=["city", "due_at", "id"], condition=Q(ended_at__isnull=True), name="incident_city_due"),
            models.Index(
                fields=["district", "due_at", "id"], condition=Q(ended_at__isnull=True), name="incident_district_due"
            ),
            models.Index(
                fields=["city", "due_at", "id"], condition=Q(due_at__isnull=False), name="incident_city_timed"
            ),
            models.Index(
                fields=["district", "due_at", "id"], condition=Q(due_at__isnull=False), name="incident_district_timed"
            ),
            models.Index(
                fields=["street", "due_at", "id"], condition=Q(due_at__isnull=False), name="incident_street_timed"
            ),
            models.Index(fields=["lon", "lat"], condition=Q(ended_at__isnull=True), name="incident_open_position"),
            models.Index(fields=["reported_by", "-id"], name="incident_reported_by"),
            models.Index(fields=["checker", "-id"], condition=Q(checker__isnull=False), name="incident_checker"),
            models.Index(fields=["verifier", "-id"], condition=Q(verifier__isnull=False), name="incident_verifier"),
            # of a number the last four figures are looked for (dispatch.finding)
            models.Index(Right("number", 4), F("id").desc(), name="incident_number_tail"),
            models.Index(fields=["category", "received_at"], name="incident_category"),
            models.Index(fields=["category", "-id"], name="incident_category_newest"),
            models.Index(fields=["received_at", "id"], name="incident_received"),
            models.Index(
                fields=["suspended_until"], condition=Q(suspended_until__isnull=False), name="incident_resume"
            ),
            models.Index(fields=["status", "closed_at"], name="incident_closed"),
        ]

    def __str__(self) -> str:
        return self.number


class NamedAccess(models.Model):
    """Who may see a confidential case. Written by ``dispatch.services``; each entry is journalled."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="named")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")

    class Meta:
        verbose_name = _("保密案件知情人")
        verbose_name_plural = _("保密案件知情人")
        constraints = [models.UniqueConstraint(fields=["incident", "user"], name="namedaccess_once")]

    def __str__(self) -> str:
        return f"{self.incident_id}:{self.user_id}"


class NumberBlock(models.Model):
    """The next free serial for a prefix and day. Taken in blocks in a transaction of its own: gaps are allowed."""

    prefix = models.CharField(max_length=20, unique=True)
    next_serial = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name = _("编号段")
        verbose_name_plural = _("编号段")

    def __str__(self) -> str:
        return f"{self.prefix}:{self.next_serial}"


class IdempotencyKey(models.Model):
    """A request carried out once: the same key and body answers with the same case, another body is refused.

    ``user`` is empty for the public, whose keys are made at random by the form that they were given.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)
    number = models.CharField(max_length=24)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("幂等键")
        verbose_name_plural = _("幂等键")
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="idempotencykey_once"),
            # NULL is no user like another: among the public a key is used once, too
            models.UniqueConstraint(fields=["key"], condition=Q(user__isnull=True), name="idempotencykey_public_once"),
        ]

    def __str__(self) -> str:
        return self.key


class DuplicateCandidate(models.Model):
    """Two open cases that may be one: a proposal with its score, for a person to decide."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="duplicate_candidates")
    other = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="+")
    score = models.FloatField(_("相似度"))
    distance_m = models.FloatField(_("距离（米）"))
    gap_minutes = models.PositiveIntegerField(_("间隔（分钟）"))
    found_at = models.DateTimeField()

    class Meta:
        verbose_name = _("疑似重复")
        verbose_name_plural = _("疑似重复")
        ordering = ["-score"]
        constraints = [
            models.UniqueConstraint(fields=["incident", "other"], name="duplicatecandidate_once"),
            # a case is not a duplicate of itself, and the score is a ratio
            models.CheckConstraint(condition=~Q(incident=models.F("other")), name="duplicatecandidate_two_cases"),
            models.CheckConstraint(condition=Q(score__gte=0, score__lte=1), name="duplicatecandidate_score_ratio"),
        ]

    def __str__(self) -> str:
        return f"{self.incident_id}~{self.other_id}"
