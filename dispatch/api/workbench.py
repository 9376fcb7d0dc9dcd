"""The workbench over HTTP: claims, what changed, undoing, bulk actions, the command line."""

from collections import Counter
from dataclasses import asdict

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from dispatch import bulk, canned_texts, changes, claims, finding, loop, undo
from dispatch.api import answers, bodies, shapes
from dispatch.api import workbench_answers as said
from dispatch.selectors import entry_label
from gridgov.common import clock
from gridgov.common.api import answer, check, only, whole

VERSIONS = 2**31 - 1


class Claim(APIView):
    """Who is at work on the case."""

    @extend_schema(
        operation_id="incidents_claim",
        summary=_("认领案件（已是本人认领的则续期）"),
        request=None,
        responses={200: answers.ClaimAnswer, **answers.problems(401, 403, 404, 409)},
    )
    def post(self, request: Request, number: str) -> HttpResponse:
        return answer(shapes.claim_of(claims.claim(number=number, by=request.actor)))

    @extend_schema(
        operation_id="incidents_release",
        summary=_("放弃认领"),
        responses={204: None, **answers.problems(401, 404)},
    )
    def delete(self, request: Request, number: str) -> HttpResponse:
        claims.release(number=number, by=request.actor)
        return HttpResponse(status=204)


class ClaimRenew(APIView):
    """The lease runs anew; unlike claiming it never takes the case from nobody."""

    @extend_schema(
        operation_id="incidents_claim_renew",
        summary=_("续期认领"),
        request=None,
        responses={200: answers.ClaimAnswer, **answers.problems(401, 404, 409)},
    )
    def post(self, request: Request, number: str) -> HttpResponse:
        return answer(shapes.claim_of(claims.renew(number=number, by=request.actor)))


class ClaimSeize(APIView):
    """A supervisor takes the case over from the one who holds it."""

    @extend_schema(
        operation_id="incidents_claim_seize",
        summary=_("接管认领（记入流转记录）"),
        request=bodies.ReasonBody,
        responses={200: answers.ClaimAnswer, **answers.problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, number: str) -> HttpResponse:
        given = check(bodies.ReasonBody, request.data)
        return answer(shapes.claim_of(claims.seize(number=number, by=request.actor, reason=given["reason"])))


class Changes(APIView):
    """What happened since the person last saw the case."""

    @extend_schema(
        operation_id="incidents_changes",
        summary=_("某版本之后何人何时做了什么、哪些项目变了"),
        parameters=[OpenApiParameter("version", int, required=True, description=_("所见案件的版本"))],
        responses={200: said.ChangesAnswer, **answers.problems(400, 401, 404)},
    )
    def get(self, request: Request, number: str) -> HttpResponse:
        given = only(request, ("version",))
        version = whole("version", given.get("version", ""), 1, VERSIONS)
        found = changes.changes_since(number=number, by=request.actor, version=version)
        steps = [asdict(step) for step in found.steps]
        for step in steps:
            step["fields_changed"] = list(step.pop("fields"))
        return answer(
            {
                "number": found.number, "seen": found.seen, "version": found.version,
                **shapes.status_of(found.status), "steps": steps,
                "fields_changed": [asdict(field) for field in found.fields],
            }
        )  # fmt: skip


class Undo(APIView):
    """What the last step can be taken back by."""

    @extend_schema(
        operation_id="incidents_undo",
        summary=_("最后一步可怎样撤回（本人可办的）"),
        responses={200: said.UndoAnswer, **answers.problems(401, 404)},
    )
    def get(self, request: Request, number: str) -> HttpResponse:
        only(request, ())
        case = loop.read(number, request.actor)
        last = loop.last_move(case.incident)
        offered = undo.offered(case, request.actor, action=last["action"], version=case.incident.version)
        return answer(
            {
                "version": case.incident.version, "action": last["action"],
                "action_label": entry_label(last["action"]), "undo": [shapes.action_of(one) for one in offered],
            }
        )  # fmt: skip


class CaseTexts(APIView):
    """Canned texts for a form, filled in."""

    @extend_schema(
        operation_id="incidents_texts",
        summary=_("某操作可用的常用语，变量已代入"),
        parameters=[OpenApiParameter("action", str, required=True, description=_("操作"))],
        responses={200: answers.results_of("OfferedTexts", said.OfferedText), **answers.problems(400, 401, 404)},
    )
    def get(self, request: Request, number: str) -> HttpResponse:
        given = only(request, ("action",))
        case = loop.read(number, request.actor)
        found = canned_texts.offered(case, given.get("action", ""), request.actor)
        return answer({"results": [asdict(one) for one in found]})


class Bulk(APIView):
    """One action on many cases, each on its own."""

    @extend_schema(
        operation_id="bulk",
        summary=_("批量办理：逐件判断或办理，逐件说明结果"),
        request=said.BulkBody,
        responses={200: said.BulkAnswer, **answers.problems(400, 401)},
    )
    def post(self, request: Request) -> HttpResponse:
        given = check(said.BulkBody, request.data)
        items = [bulk.Item(one["number"], one["version"]) for one in given["cases"]]
        rows = bulk.apply(
            action=given["action"], items=items, by=request.actor, payload=given.get("payload"),
            dry_run=given["dry_run"],
        )  # fmt: skip
        return answer(
            {
                "action": given["action"], "dry_run": given["dry_run"],
                "counts": dict(Counter(row.result for row in rows)), "results": [_bulk_row(row) for row in rows],
            }
        )  # fmt: skip


def _bulk_row(row: bulk.Row) -> dict[str, object]:
    extra = row.extra or {}
    return {
        "number": row.number, "result": row.result, "code": row.code, "message": row.message,
        "status": row.status or None, "version": row.version, "actor": extra.get("actor"), "at": extra.get("at"),
    }  # fmt: skip


class Find(APIView):
    """The command line."""

    @extend_schema(
        operation_id="find",
        summary=_("命令行查找：编号或其尾数、电话后四位、区域编码、类别或区域的拼音首字母、地址"),
        parameters=[OpenApiParameter("text", str, required=True, description=_("2到50字"))],
        responses={200: answers.results_of("Hits", said.HitAnswer), **answers.problems(400, 401)},
    )
    def get(self, request: Request) -> HttpResponse:
        given = only(request, ("text",))
        hits = finding.find(request.actor, given.get("text", ""), now=clock.now())
        return answer({"results": [asdict(hit) for hit in hits]})
