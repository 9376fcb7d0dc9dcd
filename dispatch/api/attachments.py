"""Uploading and serving files."""

from typing import Any

from django.conf import settings
from django.http import FileResponse, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.views import APIView

from dispatch import media_links
from dispatch.api import answers, bodies
from dispatch.selectors import attachment_for
from gridgov.common import clock
from gridgov.common.api import answer
from gridgov.common.errors import FieldError, NotFound
from gridgov.common.problems import TooLarge
from incidents import attachments
from incidents.attachments import CONTENT_TYPES
from incidents.models import Attachment

_MARGIN = 64 * 1024  # the multipart frame round the file


class Attachments(APIView):
    """Uploading a file, to be named in a report or an action afterwards."""

    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="attachments_upload",
        summary=_("上传照片或文件"),
        description=_(
            "照片（JPEG、PNG、WebP、AVIF）按内容检查并重新编码，位置和时间另存、其余信息清除；PDF和MP4只供下载。"
        ),
        request={"multipart/form-data": bodies.UploadBody},
        responses={201: answers.UploadAnswer, **answers.problems(400, 401, 413)},
    )
    def post(self, request: Request) -> HttpResponse:
        most = max(attachments.limit(kind) for kind in Attachment.Kind.values)
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            length = 0
        if length > most + _MARGIN:
            # refused before a byte of it is read
            raise TooLarge(_("文件超过%(limit)d MB") % {"limit": most // attachments.MB})
        names = set(request.FILES) | set(request.data)
        for name in sorted(names - {"file"}):
            raise FieldError(name[:60], _("没有这一项"), code="unknown")
        files = request.FILES.getlist("file")
        if len(files) != 1:
            raise FieldError("file", _("请上传一个文件（multipart/form-data的file项）"), code="required")
        stored = attachments.store(
            file=files[0], name=files[0].name or "", user_id=request.actor.user_id, at=clock.now()
        )
        return answer(_uploaded(stored, request), 201)


def _uploaded(stored: Attachment, request: Request) -> dict[str, Any]:
    names = ("sha256", "kind", "name", "size", "width", "height", "taken_at", "lon", "lat")
    url = request.build_absolute_uri(reverse("api:attachment", args=[stored.pk]))
    return {"id": stored.pk} | {name: getattr(stored, name) for name in names} | {"url": url}


class AttachmentFile(APIView):
    """One file, for those who may see its case, and for who uploaded it."""

    @extend_schema(
        operation_id="attachments_retrieve",
        summary=_("取附件：照片可直接显示，PDF和视频只供下载"),
        responses={
            **{
                (200, kind): OpenApiResponse(OpenApiTypes.BINARY, description=_("文件内容"))
                for kind in sorted({*CONTENT_TYPES.values(), "application/octet-stream"})
            },
            **answers.problems(401, 404),
        },
    )
    def get(self, request: Request, pk: Any) -> HttpResponse | FileResponse:
        found = attachment_for(pk, request.actor)
        extension = "." + found.file.name.rpartition(".")[2]
        try:
            opened = found.file.open("rb")
        except FileNotFoundError:
            raise NotFound(_("附件的文件已不在")) from None
        response = FileResponse(
            opened,
            as_attachment=found.kind != Attachment.Kind.IMAGE,
            filename=f"{found.name.rpartition('.')[0] or found.name or found.pk}{extension}",
            content_type=CONTENT_TYPES.get(extension, "application/octet-stream"),
        )
        response["X-Content-Type-Options"] = "nosniff"
        response["Content-Security-Policy"] = "default-src 'none'; sandbox"
        # it never changes, but whether this person may see it does
        response["Cache-Control"] = f"private, max-age={getattr(settings, 'ATTACHMENT_CACHE_SECONDS', 600)}"
        response["ETag"] = f'"{found.sha256}"'
        return response


class AttachmentLink(APIView):
    """An address of the file that works without a token, for some minutes."""

    @extend_schema(
        operation_id="attachments_link",
        summary=_("取附件的临时地址：无须令牌，数分钟内有效，取用时仍查权限"),
        request=None,
        responses={200: answers.LinkAnswer, **answers.problems(401, 404)},
    )
    def post(self, request: Request, pk: Any) -> HttpResponse:
        made = media_links.make(attachment_id=pk, by=request.actor)
        url = request.build_absolute_uri(reverse("pages:signed_file", args=[made.signed]))
        return answer({"url": url, "expires_at": made.expires_at}, headers={"Cache-Control": "no-store"})
