"""Departments, the people in them, what they are posted to, and who answers for a component.

Identity (login, name, phone) is ``common.User``. Written by ``personnel.services`` only.
"""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from grids.models import Area, Component
from personnel.assessment_models import Assessment, AssessmentMonth, AssessmentScheme  # noqa: F401
from personnel.roles import AREA_ROLES, DEPARTMENT_ROLES, Role


class Department(models.Model):
    """A unit that handles cases: a bureau, a section of it, a grid team, or the desk of a centre.

    Invariants: ``path`` is ``/…/parent/self/`` in ids and, with ``parent``, is the truth about the tree; ``code``
    is unique in its city (``root``); ``area`` is a team's area or a centre's, and lies in that city. Never deleted:
    tickets name it, ``is_active`` goes off instead. Written by ``services.save_department`` and
    ``services.move_department`` only.
    """

    class Kind(models.TextChoices):
        BUREAU = "bureau", _("部门")
        SECTION = "section", _("科室")
        TEAM = "team", _("网格队伍")
        CENTRE = "centre", _("指挥中心")

    root = models.ForeignKey(Area, verbose_name=_("城市"), on_delete=models.PROTECT, related_name="+")
    code = models.CharField(_("编码"), max_length=32)
    name = models.CharField(_("名称"), max_length=80)
    kind = models.CharField(_("类型"), max_length=10, choices=Kind)
    parent = models.ForeignKey(
        "self", verbose_name=_("上级"), null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    path = models.CharField(_("路径"), max_length=120, editable=False, default="")
    area = models.ForeignKey(
        Area, verbose_name=_("区域"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    is_active = models.BooleanField(_("启用"), default=True)

    class Meta:
        verbose_name = _("部门")
        verbose_name_plural = _("部门")
        ordering = ["root", "code"]
        constraints = [
            # a code names one department in a city
            models.UniqueConstraint(fields=["root", "code"], name="department_code_unique"),
            # the tree has no loop of one; longer ones are refused by move_department
            models.CheckConstraint(
                condition=Q(parent__isnull=True) | ~Q(parent=F("id")), name="department_not_its_own_parent"
            ),
            # a team works in a place and a centre is the centre of one
            models.CheckConstraint(
                condition=Q(kind__in=["bureau", "section"]) | Q(area__isnull=False), name="department_place_by_kind"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Worker(models.Model):
    """A person who works in this system: the employee behind an account.

    Invariant: one account, one number. ``department`` is where the person belongs; what he may do comes from his
    postings alone. Never deleted. Written by ``services.hire``, ``services.transfer_worker``, ``services.leave``.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, verbose_name=_("账号"), on_delete=models.PROTECT, related_name="worker"
    )
    number = models.CharField(_("工号"), max_length=32, unique=True)
    department = models.ForeignKey(
        Department, verbose_name=_("所属部门"), null=True, blank=True, on_delete=models.PROTECT, related_name="workers"
    )
    is_active = models.BooleanField(_("在职"), default=True)

    class Meta:
        verbose_name = _("工作人员")
        verbose_name_plural = _("工作人员")
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.user} {self.number}"

    @property
    def name(self) -> str:
        return self.user.get_full_name()

    @property
    def phone(self) -> str:
        return self.user.phone


class Posting(models.Model):
    """What a person is posted to, where and when: the truth from which every permission is derived.

    Holds on the days ``starts_on`` ≤ day ≤ ``ends_on`` (null: until further notice). Invariants: an area role has
    an area, a department role a department; two postings of one worker to one role at one place do not overlap;
    no worker holds two of the three administrator roles on one day (both held by ``services.post`` under the
    worker's lock; of the first the open case also by the database). Each write is told to ``grids.permissions``
    in the same transaction. Written by ``services.post``, ``services.end_posting`` and ``services.leave`` only.
    """

    worker = models.ForeignKey(Worker, verbose_name=_("人员"), on_delete=models.PROTECT, related_name="postings")
    role = models.CharField(_("角色"), max_length=20, choices=Role)
    area = models.ForeignKey(
        Area, verbose_name=_("区域"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    department = models.ForeignKey(
        Department, verbose_name=_("部门"), null=True, blank=True, on_delete=models.PROTECT, related_name="postings"
    )
    starts_on = models.DateField(_("开始日期"))
    ends_on = models.DateField(_("结束日期"), null=True, blank=True)
    ended_reason = models.CharField(_("结束原因"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("任职")
        verbose_name_plural = _("任职")
        ordering = ["worker", "-starts_on", "role"]
        constraints = [
            models.CheckConstraint(condition=Q(role__in=sorted(Role.values)), name="posting_role_known"),
            # an area role is held in an area, a department role in a department, and no role in both
            models.CheckConstraint(
                condition=(
                    Q(role__in=sorted(AREA_ROLES), area__isnull=False, department__isnull=True)
                    | Q(role__in=sorted(DEPARTMENT_ROLES), area__isnull=True, department__isnull=False)
                ),
                name="posting_place_by_role",
            ),
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")), name="posting_ordered"
            ),
            # one open posting to a role at a place
            models.UniqueConstraint(
                fields=["worker", "role", "area"],
                condition=Q(ends_on__isnull=True, area__isnull=False),
                name="posting_one_open_in_area",
            ),
            models.UniqueConstraint(
                fields=["worker", "role", "department"],
                condition=Q(ends_on__isnull=True, department__isnull=False),
                name="posting_one_open_in_department",
            ),
        ]
        indexes = [
            models.Index(fields=["department", "role"], name="posting_department_role"),
            models.Index(fields=["area", "role"], name="posting_area_role"),
        ]

    def __str__(self) -> str:
        return f"{self.worker} {self.get_role_display()}"

    @property
    def reference(self) -> str:
        """The name by which ``grids.permissions`` knows it."""
        return f"posting:{self.pk}"


class ComponentDuty(models.Model):
    """Which department answers for a component, and how. Written by ``services.assign_duty`` only."""

    class Kind(models.TextChoices):
        SUPERVISES = "supervises", _("主管")
        OWNS = "owns", _("权属")
        MAINTAINS = "maintains", _("养护")

    component = models.ForeignKey(Component, verbose_name=_("部件"), on_delete=models.CASCADE, related_name="duties")
    department = models.ForeignKey(Department, verbose_name=_("部门"), on_delete=models.PROTECT, related_name="duties")
    kind = models.CharField(_("责任"), max_length=12, choices=Kind)

    class Meta:
        verbose_name = _("部件责任")
        verbose_name_plural = _("部件责任")
        ordering = ["component", "kind"]
        constraints = [
            # one department a component and duty
            models.UniqueConstraint(fields=["component", "kind"], name="componentduty_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.component_id} {self.get_kind_display()}"
