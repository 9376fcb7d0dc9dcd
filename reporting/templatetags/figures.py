"""How a figure stands in a cell: a link to its cases, or a gap with its cause."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from reporting.views.present import Said

register = template.Library()
_PERCENT = mark_safe("<small>%</small>")


@register.simple_tag
def figure(said: Said) -> SafeString:
    """The value with its count, linked to the cases; "—" and the cause where there is none."""
    if not said.href:
        return format_html(
            '<span class="gg-gap" title="{}">—<span class="gg-hidden">{}</span></span>', said.cause, said.cause
        )
    unit = _PERCENT if said.unit == "%" else ""
    of = format_html('<span class="gg-of">{}</span>', said.count) if said.count else ""
    tone = f" gg-{said.tone}" if said.tone else ""
    words = " ".join(part for part in (said.label, f"{said.value}{said.unit}", said.count) if part)
    return format_html(
        '<a class="gg-fig{}" href="{}" aria-label="{}">{}{}</a>{}', tone, said.href, words, said.value, unit, of
    )
