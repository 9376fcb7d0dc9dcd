"""Photos and files of cases, for those who may see the case. Photos are shown, anything else is only downloaded."""

from pathlib import PurePath

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from dispatch import media_links
from dispatch.actors import Actor
from dispatch.selectors import attachment_for
from dispatch.views.shell import page, refused
from gridgov.common.errors import NotFound
from incidents.attachments import CONTENT_TYPES
from incidents.models import Attachment


@page
def file(request: HttpRequest, attachment_id: str) -> HttpResponse:
    """The file, if the person may see its case."""
    return answer(request, attachment_id, request.actor)


@require_GET
def signed(request: HttpRequest, link: str) -> HttpResponse:
    """The file of a signed address, if the person for whom it was made may still see it."""
    try:
        found, actor = media_links.read(link)
        response = answer(request, str(found.pk), actor)
    except NotFound as refusal:
        return refused(request, refusal)
    # the address says who asks: nothing on the way keeps what it led to
    response["Cache-Control"] = "private, no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response


def answer(request: HttpRequest, attachment_id: str, actor: Actor) -> HttpResponse:
    """The bytes with a fixed type and ``nosniff`` (the middleware's); never run, never framed."""
    found = attachment_for(attachment_id, actor)
    tag = f'"{found.sha256}"'
    if request.headers.get("If-None-Match") == tag:
        return HttpResponseNotModified()
    suffix = PurePath(found.file.name).suffix
    try:
        content = found.file.open("rb")
    except FileNotFoundError:
        raise NotFound(_("文件已不在存储中。")) from None
    response = FileResponse(
        content,
        as_attachment=found.kind != Attachment.Kind.IMAGE,
        filename=f"{PurePath(found.name).stem or found.pk}{suffix}",
        content_type=CONTENT_TYPES.get(suffix, "application/octet-stream"),
    )
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, max-age=3600"
    response["ETag"] = tag
    return response
