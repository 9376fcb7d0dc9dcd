"""Areas, what lies in them, and who holds which role where.

Positions are lon, lat in degrees on CGCS2000 (EPSG:4490, numerically WGS-84 at this accuracy). Areas are written by
``grids.services`` and ``grids.importers`` only, memberships and object permissions by ``grids.permissions`` only.
"""

import secrets

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from grids.capabilities import Capability


class Level(models.IntegerChoices):
    """The five levels; a city may skip any but its own (中山, 东莞 have no districts)."""

    CITY = 1, _("市")
    DISTRICT = 2, _("区县")
    STREET = 3, _("街道")
    COMMUNITY = 4, _("社区")
    GRID = 5, _("网格")


# The names by which the five level columns of a case, and every area filter, are called.
LEVEL_NAMES: dict[int, str] = {level.value: level.name.lower() for level in Level}


def _position_constraints(model: str) -> list[models.CheckConstraint]:
    return [
        # a position lies on the earth: swapped axes at least do not pass unseen in China
        models.CheckConstraint(
            condition=Q(lon__gte=-180, lon__lte=180, lat__gte=-90, lat__lte=90), name=f"{model}_position"
        ),
    ]


class Area(models.Model):
    """A place of one level inside one root (city), with its boundary.

    Invariants: ``path`` is ``/root/…/self/`` in ids and, with ``parent``, is the truth about ancestry (never the
    code's prefix); levels rise strictly along it. A root points to itself by ``root`` (null only between the two
    statements that create it) and has no parent. Valid on the days ``valid_from`` ≤ day < ``valid_to``; an ended area
    is kept, because cases name it. ``revision`` is the index revision that last changed it. Written by
    ``grids.services`` and ``grids.importers`` only, which raise the index revision in the same transaction.
    """

    class Kind(models.TextChoices):
        URBAN = "urban", _("城市")
        RURAL = "rural", _("农村")

    root = models.ForeignKey(
        "self", verbose_name=_("城市"), null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    level = models.PositiveSmallIntegerField(_("层级"), choices=Level)
    code = models.CharField(_("编码"), max_length=32)
    name = models.CharField(_("名称"), max_length=120)
    parent = models.ForeignKey(
        "self", verbose_name=_("上级"), null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    path = models.CharField(_("路径"), max_length=120, editable=False, default="")
    kind = models.CharField(_("城乡类型"), max_length=8, choices=Kind, blank=True)
    has_desk = models.BooleanField(_("设有指挥中心"), default=False)
    # of a city: whose lines these are and under which map approval number; shown on every map of it
    attribution = models.CharField(_("地图来源与审图号"), max_length=200, blank=True)
    boundary = models.BinaryField(_("边界"))  # WKB, polygon or multipolygon, lon/lat
    min_lon = models.FloatField(editable=False)
    min_lat = models.FloatField(editable=False)
    max_lon = models.FloatField(editable=False)
    max_lat = models.FloatField(editable=False)
    label_lon = models.FloatField(editable=False)
    label_lat = models.FloatField(editable=False)
    area_m2 = models.FloatField(_("面积（平方米）"), editable=False)
    valid_from = models.DateField(_("启用日期"))
    valid_to = models.DateField(_("停用日期"), null=True, blank=True)
    revision = models.PositiveBigIntegerField(_("修订号"), editable=False)

    class Meta:
        verbose_name = _("区域")
        verbose_name_plural = _("区域")
        ordering = ["level", "code"]
        permissions = [(capability.value, capability.source) for capability in Capability]
        constraints = [
            # a code names one area of a level in a city, for ever: an ended code comes back as the same row
            models.UniqueConstraint(fields=["root", "level", "code"], name="area_code_unique"),
            # a city's code names one city
            models.UniqueConstraint(fields=["code"], condition=Q(parent__isnull=True), name="area_root_code_unique"),
            models.CheckConstraint(condition=Q(level__gte=1, level__lte=5), name="area_level_known"),
            # a city is exactly what has no parent
            models.CheckConstraint(
                condition=Q(level=1, parent__isnull=True) | Q(level__gt=1, parent__isnull=False),
                name="area_city_is_root",
            ),
            models.CheckConstraint(condition=~Q(parent=F("id")), name="area_not_its_own_parent"),
            models.CheckConstraint(condition=~Q(code=""), name="area_code_given"),
            # lon, lat in that order, on the earth
            models.CheckConstraint(
                condition=Q(
                    min_lon__gte=-180,
                    max_lon__lte=180,
                    min_lat__gte=-90,
                    max_lat__lte=90,
                    min_lon__lte=F("max_lon"),
                    min_lat__lte=F("max_lat"),
                ),
                name="area_box_ordered",
            ),
            models.CheckConstraint(condition=Q(area_m2__gte=0), name="area_size_positive"),
            # an area cannot end before it begins
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")), name="area_validity_ordered"
            ),
        ]
        indexes = [models.Index(fields=["revision"], name="area_revision")]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"

    @property
    def is_root(self) -> bool:
        return self.parent_id is None


class IndexRevision(models.Model):
    """The one row that counts committed changes of areas. Raised by ``grids.services.raise_revision`` only."""

    value = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="indexrevision_one_row")]

    def __str__(self) -> str:
        return str(self.value)


class PlacingDue(models.Model):
    """A city whose places and components are still to be placed under the areas of ``revision``.

    Written with the change of the areas, in its transaction, and gone once they lie there: whoever dies between leaves
    it to the next. ``grids.services`` only.
    """

    root = models.OneToOneField(Area, on_delete=models.CASCADE, primary_key=True, related_name="+")
    revision = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"{self.root_id}@{self.revision}"


class CodePattern(models.Model):
    """The form that codes have in one city at one level (0: components). Without a row any code passes."""

    COMPONENT = 0

    root = models.ForeignKey(Area, verbose_name=_("城市"), on_delete=models.CASCADE, related_name="code_patterns")
    level = models.PositiveSmallIntegerField(_("层级"), choices=[(COMPONENT, _("部件")), *Level.choices])
    pattern = models.CharField(_("正则表达式"), max_length=120)

    class Meta:
        verbose_name = _("编码规则")
        verbose_name_plural = _("编码规则")
        ordering = ["root", "level"]
        constraints = [
            # one rule a city and level
            models.UniqueConstraint(fields=["root", "level"], name="codepattern_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.get_level_display()} {self.pattern}"


class ServiceZone(models.Model):
    """A grouping of areas by another layer of government (城管, 警务 …) or of one big site.

    A zone covers its areas and everything below them. Written by ``grids.services`` and
    ``grids.registers``.
    """

    class Kind(models.TextChoices):
        CITY_MANAGEMENT = "city_management", _("城管")
        MARKET = "market", _("市场监管")
        POLICE = "police", _("警务")
        SCENIC = "scenic", _("景区")
        ENTERPRISE = "enterprise", _("企业")
        SCHOOL = "school", _("学校")
        SEA = "sea", _("海上")
        OTHER = "other", _("其他")

    root = models.ForeignKey(Area, verbose_name=_("城市"), on_delete=models.PROTECT, related_name="zones")
    code = models.CharField(_("编码"), max_length=32)
    name = models.CharField(_("名称"), max_length=120)
    kind = models.CharField(_("类型"), max_length=20, choices=Kind)
    areas = models.ManyToManyField(Area, verbose_name=_("区域"), blank=True, related_name="in_zones")

    class Meta:
        verbose_name = _("专属网格")
        verbose_name_plural = _("专属网格")
        ordering = ["root", "code"]
        constraints = [
            # a code names one zone in a city
            models.UniqueConstraint(fields=["root", "code"], name="servicezone_code_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"


class Place(models.Model):
    """A building, shop, rented house or site: an address, a point and who answers for it, never its residents.

    ``area`` is the deepest area known at its point when it was last written. Written by the admin and by
    ``grids.registers``.
    """

    class Kind(models.TextChoices):
        BUILDING = "building", _("楼栋")
        SHOP = "shop", _("商铺")
        RENTED = "rented", _("出租屋")
        SITE = "site", _("工地")
        SCHOOL = "school", _("学校")
        ENTERPRISE = "enterprise", _("企业")
        OTHER = "other", _("其他")

    root = models.ForeignKey(Area, verbose_name=_("城市"), on_delete=models.PROTECT, related_name="+")
    code = models.CharField(_("编码"), max_length=40)
    kind = models.CharField(_("类型"), max_length=12, choices=Kind)
    name = models.CharField(_("名称"), max_length=120)
    address = models.CharField(_("地址"), max_length=200, blank=True)
    lon = models.FloatField(_("经度"))
    lat = models.FloatField(_("纬度"))
    area = models.ForeignKey(Area, verbose_name=_("所在区域"), on_delete=models.PROTECT, related_name="places")
    organisation = models.CharField(_("责任单位"), max_length=120, blank=True)
    phone = models.CharField(_("单位电话"), max_length=32, blank=True)

    class Meta:
        verbose_name = _("场所")
        verbose_name_plural = _("场所")
        ordering = ["root", "code"]
        constraints = [
            # a code names one place in a city, so that a repeated import changes and does not add
            models.UniqueConstraint(fields=["root", "code"], name="place_code_unique"),
            *_position_constraints("place"),
        ]

    def __str__(self) -> str:
        return self.name


def new_qr_token() -> str:
    """96 random bits for a public QR address: not guessable, says nothing about the component."""
    return secrets.token_urlsafe(12)


def new_short_code() -> str:
    """Eight characters to print beside the QR code and to read over the phone: no 0/O, 1/I/L, U."""
    return "".join(secrets.choice("23456789ABCDEFGHJKMNPQRSTVWXYZ") for _ in range(8))


class Component(models.Model):
    """A city component (部件): typed, coded, at a point, with the codes that are printed on it.

    ``code`` follows the city's pattern (by default 16 digits: 6 district, 2 + 2 class, 6 serial); ``qr_token`` and
    ``short_code`` never change once printed. Who owns or maintains it is personnel's. Written by the admin and by
    ``grids.registers``.
    """

    class State(models.TextChoices):
        INTACT = "intact", _("完好")
        DAMAGED = "damaged", _("破损")
        LOST = "lost", _("丢失")
        ABANDONED = "abandoned", _("废弃")
        REMOVED = "removed", _("移除")

    root = models.ForeignKey(Area, verbose_name=_("城市"), on_delete=models.PROTECT, related_name="+")
    code = models.CharField(_("标识码"), max_length=32)
    type_code = models.CharField(_("类别编码"), max_length=12)
    name = models.CharField(_("名称"), max_length=80, blank=True)
    short_code = models.CharField(_("短码"), max_length=12, unique=True, default=new_short_code, editable=False)
    qr_token = models.CharField(_("二维码标识"), max_length=32, unique=True, default=new_qr_token, editable=False)
    state = models.CharField(_("状态"), max_length=12, choices=State, default=State.INTACT)
    lon = models.FloatField(_("经度"), validators=[MinValueValidator(-180), MaxValueValidator(180)])
    lat = models.FloatField(_("纬度"), validators=[MinValueValidator(-90), MaxValueValidator(90)])
    area = models.ForeignKey(Area, verbose_name=_("所在区域"), on_delete=models.PROTECT, related_name="components")
    address = models.CharField(_("地址"), max_length=200, blank=True)
    attributes = models.JSONField(_("其他属性"), default=dict, blank=True)

    class Meta:
        verbose_name = _("部件")
        verbose_name_plural = _("部件")
        ordering = ["root", "code"]
        constraints = [
            # a code names one component in a city
            models.UniqueConstraint(fields=["root", "code"], name="component_code_unique"),
            *_position_constraints("component"),
        ]
        indexes = [
            models.Index(fields=["area", "type_code"], name="component_area_type"),
            models.Index(fields=["lon", "lat"], name="component_position"),
        ]

    def __str__(self) -> str:
        return f"{self.name or self.type_code} {self.code}"


class AreaMembership(models.Model):
    """Who holds a role in an area and when: one row a posting.

    Holds on the days ``starts_on`` ≤ day ≤ ``ends_on`` (null: until further notice). ``group`` is the auth group
    ``role@area``, whose guardian object permissions on ``area`` are the role's capabilities. Written by
    ``grids.permissions`` only, on the word of personnel's postings.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="area_memberships")
    area = models.ForeignKey(Area, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(_("角色"), max_length=40)
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="area_memberships")
    starts_on = models.DateField(_("开始日期"))
    ends_on = models.DateField(_("结束日期"), null=True, blank=True)
    posting_ref = models.CharField(_("任职"), max_length=64)

    class Meta:
        verbose_name = _("区域任职")
        verbose_name_plural = _("区域任职")
        ordering = ["area", "role", "user"]
        constraints = [
            # a posting gives one membership
            models.UniqueConstraint(fields=["posting_ref"], name="areamembership_posting_unique"),
            # nobody's posting ends before it starts, unless it is withdrawn whole: then the row goes
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")), name="areamembership_ordered"
            ),
        ]
        indexes = [
            models.Index(fields=["user", "starts_on"], name="areamembership_user"),
            models.Index(fields=["area", "role"], name="areamembership_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.role}@{self.area_id}"


class AreaUserObjectPermission(UserObjectPermissionBase):
    """Guardian's direct table for single users on an area. Kept empty: every capability comes from a posting."""

    content_object = models.ForeignKey(Area, on_delete=models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        abstract = False


class AreaGroupObjectPermission(GroupObjectPermissionBase):
    """Guardian's direct table: what the group role@area may do in its area. Written by ``grids.permissions``."""

    content_object = models.ForeignKey(Area, on_delete=models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        abstract = False
