"""What people keep at their desk, over HTTP: views, texts, drafts; the preview of a report; the department's desk."""

from dataclasses import asdict
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from dispatch import appeals, canned_texts, drafts, handling, loop, preview, saved_views
from dispatch.api import answers, bodies, shapes
from dispatch.api import workbench_answers as said
from dispatch.models import Appeal, CannedText
from gridgov.common import clock
from gridgov.common.api import answer, check, only
from gridgov.common.errors import FieldError
from personnel.selectors import department_tree

LIMIT = 200


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise FieldError(name, str(_("须是数字"))) from None


class Preview(APIView):
    """Before a report is saved."""

    @extend_schema(
        operation_id="reports_preview",
        summary=_("上报前：各时限、所在区域和承办中心、可能重复的案件"),
        parameters=[
            OpenApiParameter("category", str, required=True, description=_("小类代码")),
            OpenApiParameter("standard", str, description=_("立案条件代码")),
            OpenApiParameter("lon", float),
            OpenApiParameter("lat", float),
            OpenApiParameter("crs", str, description=_("wgs84（默认）、gcj02、bd09")),
        ],
        responses={200: said.PreviewAnswer, **answers.problems(400, 401)},
    )
    def get(self, request: Request) -> HttpResponse:
        given = only(request, ("category", "standard", "lon", "lat", "crs"))
        now, category = clock.now(), given.get("category")
        found = preview.deadlines(category=category, standard=given.get("standard"), at=now)
        place, alike = None, []
        if "lon" in given or "lat" in given:
            point: dict[str, Any] = {
                "category": category, "lon": _number("lon", given.get("lon", "")),
                "lat": _number("lat", given.get("lat", "")), "crs": given.get("crs", "wgs84"),
            }  # fmt: skip
            at = preview.place(**point)
            place = {
                "area": shapes.area_of(at.area_id), "full_name": at.area, "holder": shapes.area_of(at.holder_id),
            }  # fmt: skip
            alike = [row | shapes.status_of(row["status"]) for row in preview.alike(request.actor, **point, now=now)]
        return answer({"deadlines": [asdict(one) for one in found], "place": place, "alike": alike})


# --- views ------------------------------------------------------------------------------------------------------


class Views(APIView):
    """The views that the person may choose."""

    @extend_schema(
        operation_id="views_list",
        summary=_("可选视图及其案件数"),
        responses={200: answers.results_of("Views", said.ViewAnswer), **answers.problems(401)},
    )
    def get(self, request: Request) -> HttpResponse:
        only(request, ())
        return answer({"results": [_view(view) for view in saved_views.views_of(request.actor)]})

    @extend_schema(
        operation_id="views_save",
        summary=_("保存视图"),
        request=said.ViewBody,
        responses={201: said.SavedAnswer, **answers.problems(400, 401, 403, 409)},
    )
    def post(self, request: Request) -> HttpResponse:
        return answer({"id": _save_view(request, None)}, 201)


class View(APIView):
    """One view."""

    @extend_schema(
        operation_id="views_change",
        summary=_("修改视图"),
        request=said.ViewBody,
        responses={200: said.SavedAnswer, **answers.problems(400, 401, 403, 404, 409)},
    )
    def put(self, request: Request, pk: int) -> HttpResponse:
        return answer({"id": _save_view(request, pk)})

    @extend_schema(
        operation_id="views_delete", summary=_("删除视图"), responses={204: None, **answers.problems(401, 404)}
    )
    def delete(self, request: Request, pk: int) -> HttpResponse:
        saved_views.delete(by=request.actor, view_id=pk)
        return HttpResponse(status=204)


def _save_view(request: Request, view_id: int | None) -> int:
    given = check(said.ViewBody, request.data)
    row = saved_views.save(
        by=request.actor, desk=given["desk"], name=given["name"], query=given.get("query") or {},
        area_id=given.get("area"), role=given.get("role", ""), position=given.get("position", 0), view_id=view_id,
    )  # fmt: skip
    return row.pk


def _view(view: saved_views.Shown) -> dict[str, Any]:
    return {
        "id": view.id, "name": view.name, "desk": view.desk, "kind": view.kind, "query": view.query,
        "url": f"{reverse('pages:home')}{view.path}", "area": shapes.area_of(view.area_id), "role": view.role,
        "position": view.position, "may_delete": view.may_delete, "count": view.count,
    }  # fmt: skip


# --- canned texts -----------------------------------------------------------------------------------------------


class Texts(APIView):
    """The person's own canned texts."""

    @extend_schema(
        operation_id="texts_list",
        summary=_("自用常用语"),
        responses={200: answers.results_of("Texts", said.TextAnswer), **answers.problems(401)},
    )
    def get(self, request: Request) -> HttpResponse:
        only(request, ())
        return answer({"results": [_text(row) for row in canned_texts.own_of(request.actor)]})

    @extend_schema(
        operation_id="texts_save",
        summary=_("保存自用常用语"),
        request=said.TextBody,
        responses={201: said.TextAnswer, **answers.problems(400, 401, 403)},
    )
    def post(self, request: Request) -> HttpResponse:
        given = check(said.TextBody, request.data)
        return answer(_text(canned_texts.save_own(by=request.actor, given=given)), 201)


class TextDetail(APIView):
    """One of the person's own canned texts."""

    @extend_schema(
        operation_id="texts_change",
        summary=_("修改自用常用语（只改所给各项）"),
        request=said.TextBody,
        responses={200: said.TextAnswer, **answers.problems(400, 401, 403, 404)},
    )
    def put(self, request: Request, pk: int) -> HttpResponse:
        given = check(said.TextBody, request.data)
        return answer(_text(canned_texts.save_own(by=request.actor, given=given, text_id=pk)))

    @extend_schema(
        operation_id="texts_delete", summary=_("删除自用常用语"), responses={204: None, **answers.problems(401, 404)}
    )
    def delete(self, request: Request, pk: int) -> HttpResponse:
        canned_texts.delete_own(by=request.actor, text_id=pk)
        return HttpResponse(status=204)


def _text(row: CannedText) -> dict[str, Any]:
    return {
        "id": row.pk, "stage": row.stage, "action": row.action, "category": shapes.category_of(row.category_id),
        "title": row.title, "text": row.text, "position": row.position,
    }  # fmt: skip


# --- drafts -----------------------------------------------------------------------------------------------------


class Drafts(APIView):
    """The person's own drafts."""

    @extend_schema(
        operation_id="drafts_list",
        summary=_("本人的草稿，最近的在前"),
        responses={200: answers.results_of("Drafts", said.DraftAnswer), **answers.problems(401)},
    )
    def get(self, request: Request) -> HttpResponse:
        only(request, ())
        return _private({"results": [asdict(draft) for draft in drafts.all_of(request.actor)]})


class DraftDetail(APIView):
    """The draft of one form."""

    @extend_schema(
        operation_id="drafts_retrieve",
        summary=_("某表单的草稿"),
        responses={200: said.DraftAnswer, **answers.problems(401, 404)},
    )
    def get(self, request: Request, key: str) -> HttpResponse:
        only(request, ())
        return _private(asdict(drafts.of(request.actor, key)))

    @extend_schema(
        operation_id="drafts_save",
        summary=_("保存某表单的草稿（七天后清除）"),
        request=said.DraftBody,
        responses={200: said.DraftAnswer, **answers.problems(400, 401)},
    )
    def put(self, request: Request, key: str) -> HttpResponse:
        given = check(said.DraftBody, request.data)
        return _private(asdict(drafts.save(by=request.actor, key=key, content=given["content"])))

    @extend_schema(operation_id="drafts_delete", summary=_("删除草稿"), responses={204: None, **answers.problems(401)})
    def delete(self, request: Request, key: str) -> HttpResponse:
        drafts.discard_one(by=request.actor, key=key)
        return HttpResponse(status=204)


def _private(body: Any) -> HttpResponse:
    """It may hold what a citizen said: no cache keeps it."""
    return answer(body, headers={"Cache-Control": "no-store"})


# --- the department's desk --------------------------------------------------------------------------------------


class Handling(APIView):
    """What the department has left and owes."""

    @extend_schema(
        operation_id="incidents_handling",
        summary=_("部门办理：还可退单、延期几次，反馈所需各项，超时申诉"),
        responses={200: said.HandlingAnswer, **answers.problems(401, 404)},
    )
    def get(self, request: Request, number: str) -> HttpResponse:
        only(request, ())
        by, now = request.actor, clock.now()
        case = loop.read(number, by)
        asked = appeals.of_case(case.incident)
        return answer(
            {
                "left": [asdict(one) for one in handling.left(case, at=now)],
                "checklist": [asdict(one) for one in handling.checklist(case)],
                "closing_condition": handling.closing_condition(case),
                "appeals": [_appeal(row) for row in asked],
                "may_appeal_until": handling.may_appeal(case, by, at=now, appealed={row.ticket_id for row in asked}),
            }
        )


class CaseAppeals(APIView):
    """Appealing against a breach."""

    @extend_schema(
        operation_id="incidents_appeal",
        summary=_("超时申诉（结案后，每张工单一次）"),
        request=said.AppealBody,
        responses={201: said.AppealedAnswer, **answers.problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, number: str) -> HttpResponse:
        given = check(said.AppealBody, request.data)
        pk = appeals.ask(number=number, by=request.actor, reason=given["reason"])
        url = request.build_absolute_uri(reverse("api:appeal-decision", args=[pk]))
        return answer({"id": pk, "url": url}, 201)


class Appeals(APIView):
    """The appeals that wait for the person."""

    @extend_schema(
        operation_id="appeals_list",
        summary=_("等我审核、审定的超时申诉，最早的在前，最多200份"),
        responses={200: answers.results_of("Appeals", said.AppealRow), **answers.problems(401)},
    )
    def get(self, request: Request) -> HttpResponse:
        only(request, ())
        rows = appeals.waiting_for(request.actor).values(*appeals.FIELDS)[:LIMIT]
        return answer({"results": [_appeal_row(row) for row in rows]})


class AppealDecision(APIView):
    """The next step of an appeal."""

    @extend_schema(
        operation_id="appeals_decide",
        summary=_("审核（派遣员）、审定（受理员）超时申诉"),
        request=bodies.DecisionBody,
        responses={200: said.AppealDecided, **answers.problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, pk: int) -> HttpResponse:
        given = check(bodies.DecisionBody, request.data)
        state = appeals.decide(appeal_id=pk, grant=given["grant"], reason=given.get("reason", ""), by=request.actor)
        return answer({"id": pk, "state": state.value})


def _appeal(row: Appeal) -> dict[str, Any]:
    def name(person: Any) -> str | None:
        return person.name if person is not None else None

    return {
        "id": row.pk, "state": row.state, "state_label": str(row.get_state_display()), "ticket": row.ticket_id,
        "reason": row.reason, "asked_by": row.asked_by.name, "asked_at": row.asked_at,
        "first_by": name(row.first_by), "first_at": row.first_at, "first_reason": row.first_reason,
        "second_by": name(row.second_by), "second_at": row.second_at, "second_reason": row.second_reason,
    }  # fmt: skip


def _appeal_row(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "incident": {
            "number": row["incident__number"], **shapes.status_of(row["incident__status"]),
            "category": shapes.category_of(row["incident__category_id"]), "address": row["incident__address"],
        },
        "state": row["state"], "state_label": str(Appeal.State(row["state"]).label), "reason": row["reason"],
        "department": department_tree().name(row["ticket__department_id"]), "asked_by": row["asked_by__name"],
        "asked_at": row["asked_at"], "first_by": row["first_by__name"], "first_at": row["first_at"],
        "first_reason": row["first_reason"],
    }  # fmt: skip
