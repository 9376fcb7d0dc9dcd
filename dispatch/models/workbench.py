"""What people keep at their desk: views of a queue, texts that are used again, and drafts."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from grids.models import Area
from incidents.models import Category
from incidents.workflow import Stage


class SavedView(models.Model):
    """A queue with its filter, under a name. Written by ``dispatch.saved_views`` only.

    Invariants: it is one person's own, or shared in an area, or the default of a role in an area; ``query`` has only
    parameters of the queue's address, checked when it was saved, so that a view is an address.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("所有人"), null=True, blank=True, on_delete=models.CASCADE,
        related_name="+",
    )  # fmt: skip
    area = models.ForeignKey(
        Area, verbose_name=_("共享区域"), null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    role = models.CharField(_("默认角色"), max_length=30, blank=True)
    desk = models.CharField(_("队列"), max_length=20)
    name = models.CharField(_("名称"), max_length=40)
    query = models.JSONField(_("筛选"), default=dict, blank=True)
    position = models.PositiveSmallIntegerField(_("次序"), default=0)
    saved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("保存人"), on_delete=models.PROTECT, related_name="+"
    )
    saved_at = models.DateTimeField(_("保存时间"))

    class Meta:
        verbose_name = _("视图")
        verbose_name_plural = _("视图")
        ordering = ["position", "id"]
        constraints = [
            # one person's, or an area's (and then perhaps a role's), never both
            models.CheckConstraint(
                condition=Q(owner__isnull=False, area__isnull=True, role="")
                | Q(owner__isnull=True, area__isnull=False),
                name="savedview_one_keeper",
            ),
            # a name stands for one view, among one's own and among those of an area
            models.UniqueConstraint(
                fields=["owner", "name"], condition=Q(owner__isnull=False), name="savedview_own_name"
            ),
            models.UniqueConstraint(
                fields=["area", "role", "name"], condition=Q(area__isnull=False), name="savedview_shared_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CannedText(models.Model):
    """A text that is used again (常用语), with variables in braces. Written by ``dispatch.canned_texts`` only.

    Invariants: it is one person's own, or shared in an area, or (neither) everybody's; it names no variable that
    ``dispatch.canned`` does not know. ``code`` is that of the project's file for those that came from it.
    """

    code = models.CharField(_("代码"), max_length=40, blank=True)
    stage = models.CharField(_("环节"), max_length=12, choices=Stage)
    action = models.CharField(_("操作"), max_length=30, blank=True)
    category = models.ForeignKey(
        Category, verbose_name=_("类别"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("所有人"), null=True, blank=True, on_delete=models.CASCADE,
        related_name="+",
    )  # fmt: skip
    area = models.ForeignKey(
        Area, verbose_name=_("共享区域"), null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    title = models.CharField(_("标题"), max_length=40)
    text = models.TextField(_("文字"))
    position = models.PositiveSmallIntegerField(_("次序"), default=0)
    is_active = models.BooleanField(_("在用"), default=True)
    saved_at = models.DateTimeField(_("保存时间"))

    class Meta:
        verbose_name = _("常用语")
        verbose_name_plural = _("常用语")
        ordering = ["stage", "position", "id"]
        constraints = [
            # one keeper at most
            models.CheckConstraint(
                condition=Q(owner__isnull=True) | Q(area__isnull=True), name="cannedtext_one_keeper"
            ),
            # a text of the project's file is loaded once
            models.UniqueConstraint(fields=["code"], condition=~Q(code=""), name="cannedtext_code_once"),
        ]
        indexes = [models.Index(fields=["stage", "action"], name="cannedtext_stage")]

    def __str__(self) -> str:
        return self.title


class Draft(models.Model):
    """What a person had typed into a form and not yet sent. Written by ``dispatch.drafts`` only.

    Invariants: one row a person and form; nobody else reads it; it is gone after a week without a change.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("所有人"), on_delete=models.CASCADE, related_name="+"
    )
    key = models.CharField(_("表单"), max_length=80)
    content = models.JSONField(_("内容"), default=dict)
    updated_at = models.DateTimeField(_("保存时间"))

    class Meta:
        verbose_name = _("草稿")
        verbose_name_plural = _("草稿")
        ordering = ["-updated_at"]
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="draft_one_a_form")]
        indexes = [models.Index(fields=["updated_at"], name="draft_updated")]

    def __str__(self) -> str:
        return self.key
