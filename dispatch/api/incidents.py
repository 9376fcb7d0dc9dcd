"""Cases: reporting, lists, one case, and everything that moves it."""

from datetime import datetime
from typing import Any

from django.db.models import Max, Q, QuerySet, Subquery
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from dispatch import loop, reporters, requests
from dispatch.api import answers, bodies, shapes
from dispatch.api.filters import CASE_FILTERS, ORDERS, looks_for_number, looks_for_words, order_of, parts_of
from dispatch.case_list import Part, not_secret, rows_of, scope_of_lists
from dispatch.models import Request as Asked
from dispatch.selectors import case_view
from gridgov.common import clock
from gridgov.common.api import PAGE_PARAMETERS, Keyset, answer, check, flag, only, paged, whole
from grids.capabilities import Capability
from incidents.models import Incident
from incidents.workflow import Stage, Status

#: Words are looked for in so many cases a page; ``next`` goes on from there, so that no page takes long.
LOOKED_THROUGH = 10_000
_PAGES = {
    "newest": Keyset(descending=True),
    "due": Keyset("due_at"),
    # of a span of time: by when they were received, which an index finds, and ids follow but for imported cases
    "received": Keyset("received_at", descending=True, nullable=False),
    # of a number's beginning: by numbers, which an index finds; within a place the newest day is the highest
    "number": Keyset("number", descending=True, nullable=False),
}

PAGING = [
    OpenApiParameter("cursor", str, description=_("上一页的next所带")),
    OpenApiParameter("page_size", int, description=_("每页条数，1到200，默认50")),
]
_FILTERS = [
    OpenApiParameter("status", str, description=_("状态，可用逗号并列")),
    OpenApiParameter("stage", str, enum=Stage.values, description=_("所处环节（未结束的，及待评价的）")),
    OpenApiParameter("area", str, description=_("区域及其下级：编号、编码，或“城市编码:区域编码”")),
    OpenApiParameter("area_id", int, description=_("区域及其下级：编号")),
    OpenApiParameter("category", str, description=_("大类或小类代码")),
    OpenApiParameter("department", str, description=_("在办工单的部门及其下级：编号或编码")),
    OpenApiParameter("overdue", bool, description=_("已超时")),
    OpenApiParameter("due_before", str, description=_("当前到期早于此时间")),
    OpenApiParameter("received_from", str, description=_("收到时间起（日期或时间）")),
    OpenApiParameter("received_to", str, description=_("收到时间止（日期含当日）")),
    OpenApiParameter(
        "text",
        str,
        description=_("编号开头，或地址、描述中的文字；文字每页在一万件内查找，未查完时results可少于一页而next不为空"),
    ),
    OpenApiParameter("mine", bool, description=_("与我有关：我核实、核查、处置或上报的")),
    OpenApiParameter("order", str, enum=list(ORDERS), description=_("newest（默认）或due（最先到期在前）")),
]


def _after(page: Keyset, at: datetime | None, pk: int) -> Part:
    if page is _PAGES["number"]:
        return Part("after_number", (pk,), _number_below)
    if at is None or not page.column:
        return Part("after", (pk,), lambda cases, pk: cases.filter(page.beyond((None, pk))))
    return Part("after_at", (at, pk), lambda cases, at, pk: cases.filter(page.beyond((at, pk))))


def _number_below(cases: QuerySet[Incident], pk: int) -> QuerySet[Incident]:
    return cases.filter(number__lt=Subquery(Incident.objects.filter(pk=pk).order_by().values("number")))


Mark = tuple[datetime | None, int]


def _by_due(
    parts: list[Part], mark: Mark | None, limit: int, *, within: QuerySet[Incident] | None = None
) -> tuple[list[dict[str, Any]], Mark | None]:
    """Those with a due time by it, then, if there is room, those without by id: each part has its index.

    Two statements where a page has of both, else one. ``within``: words are looked for in these cases, of which so
    many are looked through and no more, which is a statement more; the second is then where the next page begins.
    """
    found: list[dict[str, Any]] = []
    at, pk = mark or (None, 0)
    if mark is None or at is not None:
        timed = Part("timed", (), lambda cases: cases.filter(due_at__isnull=False))
        if at is not None:
            timed = Part("timed_after", (at, pk), _due_after)
        edge = _edge(within, timed, "due_at", "id")
        until = [Part("timed_until", edge, _due_until)] if edge else []
        found = rows_of([*parts, timed, *until], "due", lambda cases: cases.order_by("due_at", "id"), limit)
        if within is not None and len(found) < limit:
            # those without a due time begin on a page of their own
            return found, edge or (None, 0)
        pk = 0
    if len(found) < limit:
        untimed = Part("untimed", (pk,), lambda cases, pk: cases.filter(due_at__isnull=True, id__gt=pk))
        edge = _edge(within, untimed, "id")
        until = [Part("untimed_until", edge[1:], lambda cases, pk: cases.filter(id__lte=pk))] if edge else []
        found += rows_of([*parts, untimed, *until], "id", lambda cases: cases.order_by("id"), limit)
        if edge and len(found) < limit:
            return found, (None, edge[1])
    return found[:limit], None


def _due_after(cases: QuerySet[Incident], at: datetime, pk: int) -> QuerySet[Incident]:
    return cases.filter(Q(due_at__gt=at) | Q(due_at=at, id__gt=pk), due_at__gte=at)


def _due_until(cases: QuerySet[Incident], at: datetime, pk: int) -> QuerySet[Incident]:
    return cases.filter(Q(due_at__lt=at) | Q(due_at=at, id__lte=pk), due_at__lte=at)


def _received_until(cases: QuerySet[Incident], at: datetime, pk: int) -> QuerySet[Incident]:
    return cases.filter(Q(received_at__gt=at) | Q(received_at=at, id__gte=pk), received_at__gte=at)


def _edge(within: QuerySet[Incident] | None, part: Part, *order: str) -> Any:
    """Due time and id of the last case that is looked through, in that order; None where that is all of them."""
    if within is None:
        return None
    rows = part.build(within, *part.values).order_by(*order).values_list("due_at", "id")
    return next(iter(rows[LOOKED_THROUGH : LOOKED_THROUGH + 1]), None)


def _edge_of_received(parts: list[Part]) -> Any:
    """The same of those received in the span, the newest first: receipt and id."""
    rows = Incident.objects.all()
    for part in parts:
        if part.shape in ("received_from", "received_to", "after_at"):
            rows = part.build(rows, *part.values)
    rows = rows.order_by("-received_at", "-id").values_list("received_at", "id")
    return next(iter(rows[LOOKED_THROUGH : LOOKED_THROUGH + 1]), None)


def _floor(mark: tuple[datetime | None, int] | None) -> int:
    """The oldest id that is looked through from the mark (or the newest case) down; 0 where that is all of them."""
    top = mark[1] if mark is not None else (Incident.objects.aggregate(last=Max("id"))["last"] or 0) + 1
    return max(0, top - LOOKED_THROUGH)


class Incidents(APIView):
    """Reporting, and the list."""

    @extend_schema(
        operation_id="incidents_list",
        summary=_("案件列表"),
        parameters=[*_FILTERS, *PAGING],
        responses={200: answers.page_of("CasePage", answers.CaseRow), **answers.problems(400, 401)},
    )
    def get(self, request: Request) -> HttpResponse:
        given = only(request, (*CASE_FILTERS, *PAGE_PARAMETERS))
        by, now = request.actor, clock.now()
        order = order_of(given)
        # a person's own cases may lie outside his area, and he sees all of them
        is_mine = "mine" in given and flag("mine", given["mine"])
        if order == "newest" and ("received_from" in given or "received_to" in given):
            order = "received"
        elif order == "newest" and looks_for_number(given):
            order = "number"
        page = _PAGES[order]
        size, mark = page.size(given), page.mark(given)
        scope = not_secret(by) if is_mine else scope_of_lists(by)
        parts = [scope, *parts_of(given, by, now=now)]
        if mark is not None and order != "due":
            parts.append(_after(page, *mark))
        looks = looks_for_words(given)
        floor = _floor(mark) if order == "newest" and looks else 0
        edge: Mark | None = None
        if floor:
            parts.append(Part("floor", (floor,), lambda cases, pk: cases.filter(id__gte=pk)))
        if order == "due":
            seen = scope.build(Incident.objects.all(), *scope.values) if looks else None
            found, edge = _by_due(parts, mark, size + 1, within=seen)
        else:
            if order == "received" and looks:
                edge = _edge_of_received(parts)
                parts += [Part("received_until", edge, _received_until)] if edge else []
            found = rows_of(parts, order, page.ordered, size + 1)
        rows, cursor = page.cut(found, size, lambda row: (row[page.column] if page.column else None, row["id"]))
        if cursor is None and floor:
            cursor = page.cursor(None, floor)
        if cursor is None and edge:
            cursor = page.cursor(*edge)
        return paged(request, shapes.case_rows(rows, now), cursor)

    @extend_schema(
        operation_id="incidents_report",
        summary=_("上报案件"),
        parameters=[
            OpenApiParameter(
                "Idempotency-Key", str, OpenApiParameter.HEADER,
                description=_("同一键和同一内容只上报一次，重复时答200和原案件；键相同而内容不同答409"),
            )
        ],
        request=bodies.ReportBody,
        responses={
            201: answers.ReceivedAnswer,
            200: answers.ReceivedAnswer,
            **answers.problems(400, 401, 403, 409, 413),
        },
    )  # fmt: skip
    def post(self, request: Request) -> HttpResponse:
        by = request.actor
        given = check(bodies.ReportBody, request.data)
        # a field worker reports what he found, a desk what it was told
        is_field = by.may_somewhere(Capability.PATROL) and not by.may_somewhere(Capability.ACCEPT)
        received = loop.report(
            body=bodies.report_from(given, source="worker" if is_field else "hotline"),
            by=by,
            idempotency_key=request.headers.get("Idempotency-Key", ""),
        )
        url = request.build_absolute_uri(reverse("api:incident", args=[received.number]))
        body = {
            "number": received.number,
            **shapes.status_of(Status.REPORTED.value),
            "version": 1,
            "url": url,
            "token": received.token,
            "repeated": received.repeated,
        }
        return answer(body, 200 if received.repeated else 201, {"Location": url})


class IncidentDetail(APIView):
    """One case."""

    @extend_schema(
        operation_id="incidents_retrieve",
        summary=_("案件详情：时钟、流转记录、工单、申请、附件和可办操作"),
        parameters=[
            OpenApiParameter("journal_after", int, description=_("流转记录自此序号之后，每页100条，见journal_next"))
        ],
        responses={200: answers.CaseAnswer, **answers.problems(401, 404)},
    )
    def get(self, request: Request, number: str) -> HttpResponse:
        given = only(request, ("journal_after",))
        after = whole("journal_after", given["journal_after"], 0, 2**31 - 1) if "journal_after" in given else 0
        by, now = request.actor, clock.now()
        view = case_view(number, by, at=now, journal_after=after)
        return answer(shapes.case_whole(view, by, now, request))


class Transitions(APIView):
    """The one way in, over HTTP."""

    @extend_schema(
        operation_id="incidents_transition",
        summary=_("办理案件：按流程表执行一项操作"),
        request=bodies.TransitionBody,
        responses={200: answers.OutcomeAnswer, **answers.problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, number: str) -> HttpResponse:
        payload = dict(check(bodies.TransitionBody, request.data))
        action, version = payload.pop("action"), payload.pop("version", None)
        outcome = loop.perform(number=number, action=action, by=request.actor, version=version, **payload)
        return answer(shapes.outcome_of(outcome))


class CaseRequests(APIView):
    """Asking for what somebody has to decide."""

    @extend_schema(
        operation_id="incidents_ask",
        summary=_("提出申请（退单、延期、挂账、作废、强制结案）"),
        request=bodies.RequestBody,
        responses={201: answers.AskedAnswer, **answers.problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, number: str) -> HttpResponse:
        given = check(bodies.RequestBody, request.data)
        pk = requests.ask(
            number=number,
            kind=given["kind"],
            by=request.actor,
            reason=given["reason"],
            until=given.get("until"),
            attachments=given.get("attachments", ()),
        )
        url = request.build_absolute_uri(reverse("api:request-decision", args=[pk]))
        return answer({"id": pk, "url": url}, 201)


class Decision(APIView):
    """Deciding a request by its id."""

    @extend_schema(
        operation_id="requests_decide",
        summary=_("审批申请"),
        request=bodies.DecisionBody,
        responses={200: answers.DecidedAnswer, **answers.problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, pk: int) -> HttpResponse:
        return _decide(request, pk)


class CaseDecision(APIView):
    """Deciding a request of a case."""

    @extend_schema(
        operation_id="incidents_decide",
        summary=_("审批本案的申请"),
        request=bodies.DecisionBody,
        responses={200: answers.DecidedAnswer, **answers.problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, number: str, pk: int) -> HttpResponse:
        return _decide(request, pk, number)


def _decide(request: Request, pk: int, number: str = "") -> HttpResponse:
    given = check(bodies.DecisionBody, request.data)
    outcome = requests.decide(
        request_id=pk, number=number, grant=given["grant"], reason=given.get("reason", ""), by=request.actor
    )
    state = Asked.State.GRANTED if given["grant"] else Asked.State.REFUSED
    return answer({"id": pk, "state": state.value, "outcome": shapes.outcome_of(outcome) if outcome else None})


class RevealPhone(APIView):
    """The reporter's phone whole, with a reason that the journal keeps."""

    @extend_schema(
        operation_id="incidents_reveal_phone",
        summary=_("查看上报人完整电话（记入流转记录）"),
        request=bodies.ReasonBody,
        responses={200: answers.PhoneAnswer, **answers.problems(400, 401, 403, 404)},
    )
    def post(self, request: Request, number: str) -> HttpResponse:
        given = check(bodies.ReasonBody, request.data)
        name, phone = reporters.reveal_phone(number=number, by=request.actor, reason=given["reason"])
        response = answer({"name": name, "phone": phone})
        response["Cache-Control"] = "no-store"
        return response
