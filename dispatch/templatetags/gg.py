"""Small parts of pages: icons, time chips, stamps."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from dispatch.views.words import Chip, full_stamp, stamp
from gridgov.common.bounded import words as counted_words

register = template.Library()


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon out of the vendored sprite; silent for screen readers unless it has a label."""
    return _icon(name, str(label))


@lru_cache(maxsize=512)  # a page has a hundred, of a dozen kinds
def _icon(name: str, label: str) -> SafeString:
    solid = " gg-icon-solid" if name.endswith("-filled") else ""
    href = f"{static('vendor/icons/sprite.svg')}#{name}"
    if label:
        return format_html(
            '<svg class="gg-icon{}" role="img" aria-label="{}"><use href="{}"></use></svg>', solid, label, href
        )
    return format_html('<svg class="gg-icon{}" aria-hidden="true"><use href="{}"></use></svg>', solid, href)


@register.filter
def bounded(count: int) -> str:
    """A figure that is counted only so far: 9999+."""
    return counted_words(count)


@register.simple_tag
def sla(chip: Chip) -> SafeString:
    """A time chip: ring or icon, and the words."""
    if chip.share is not None:
        mark = format_html(
            '<svg class="gg-ring" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6.5"></circle>'
            '<circle cx="8" cy="8" r="6.5" pathLength="100" stroke-dasharray="{} 100"></circle></svg>',
            chip.share,
        )
    else:
        mark = icon(chip.icon)
    words = _words(chip.parts)
    goes_on = ""
    if chip.due_at is not None:
        goes_on = format_html(
            ' data-due="{}" data-since="{}" data-level="{}" data-label="{}"',
            _ms(chip.due_at), _ms(chip.started_at), chip.level, chip.label,
        )  # fmt: skip
    return format_html(
        '<span class="gg-sla gg-sla-{}" title="{}"{}>{}<span>{}</span></span>',
        chip.kind, chip.title, goes_on, mark, words,
    )  # fmt: skip


@lru_cache(maxsize=2048)  # a list says the same spans again and again
def _words(parts: tuple[tuple[str, bool], ...]) -> SafeString:
    return format_html_join("", "{}", ((format_html("<b>{}</b>", text) if figure else text,) for text, figure in parts))


_WORK_ROW = (
    '<div class="gg-wrow" role="option" aria-selected="false" id="row-{number}" data-number="{number}"'
    ' data-seq="{seq}" data-version="{version}" data-status="{status}" data-lon="{lon}" data-lat="{lat}"'
    ' data-kind="{kind}"><span class="gg-wpick">{check}</span>\n<div>{chip}</div>\n'
    '<div><div class="gg-line"><span class="gg-qtitle">{title}</span>{badge}</div><div class="gg-line gg-wplace"'
    ' data-live-status><span class="gg-meta gg-cut">{address}</span></div></div>\n'
    '<div class="gg-wend"><div>{tail}</div><div class="gg-meta" data-holder="{holder}" data-source="{source}">'
    "{sign} {by}</div></div></div>\n"
)


@register.simple_tag
def work_row(row: Any) -> SafeString:
    """A row of the workbench's list (``dispatch.views.desks.Row``), one line high.

    Written straight: as a template the fifty rows of a page cost half of all that the page costs.
    """
    # who has it in hand says more than how it came
    whose, sign = (row.handler, "building") if row.handler else (row.source, row.source_icon)
    badge = row.badge and format_html('<span class="gg-badge gg-badge-{}">{}</span>', row.badge_kind, row.badge)
    return format_html(
        _WORK_ROW,
        number=row.number, seq=str(row.seq), version=str(row.version), status=row.status,
        lon="" if row.lon is None else repr(row.lon), lat="" if row.lat is None else repr(row.lat),
        kind=row.chip.kind, check=_icon("check", ""), chip=sla(row.chip), title=row.title, badge=badge,
        address=row.address or "—", tail=row.number[-7:], holder=row.claimed_by, source=whose,
        sign=_icon("lock" if row.claimed_by else sign, ""), by=row.claimed_by or whose,
    )  # fmt: skip


def _ms(instant: datetime | None) -> str:
    return "" if instant is None else str(int(instant.timestamp() * 1000))


@register.simple_tag
def ms(instant: datetime) -> str:
    """An instant for scripts: milliseconds since 1970."""
    return _ms(instant)


@register.simple_tag
def zone() -> str:
    """The deployment's time zone, by its name."""
    return settings.TIME_ZONE


@register.simple_tag(takes_context=True)
def at(context: dict[str, Any], instant: datetime | None) -> SafeString | str:
    """An instant as people say it, with the exact one for machines and in the tooltip."""
    if instant is None:
        return "—"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        instant.isoformat(), full_stamp(instant), stamp(instant, context["now"]),
    )  # fmt: skip


@register.filter
def of(mapping: Any, key: Any) -> Any:
    """``mapping[key]``, None where there is none."""
    return mapping.get(key) if mapping else None
