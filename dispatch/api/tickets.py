"""The inbox of a department or a worker, and the requests that wait for a decision."""

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from dispatch import tickets
from dispatch.api import answers, bodies, shapes
from dispatch.api.incidents import PAGING
from dispatch.models import Ticket
from dispatch.selectors import REQUEST_FIELDS, TICKET_FIELDS, requests_waiting_for, tickets_of
from gridgov.common import clock
from gridgov.common.api import PAGE_PARAMETERS, Keyset, check, flag, only, paged
from gridgov.common.errors import FieldError

_BY_DUE = Keyset("due_at")
_NEWEST = Keyset(descending=True)
_WAITING = Keyset("decide_by_at")


class Tickets(APIView):
    """The tickets of the caller's departments, and his own."""

    @extend_schema(
        operation_id="tickets_list",
        summary=_("我的工单：默认未办结，最先到期在前"),
        parameters=[
            OpenApiParameter("state", str, enum=[*Ticket.State.values, "live", "all"], description=_("默认未办结")),
            OpenApiParameter("lead", bool, description=_("true只看主办，false只看协办")),
            OpenApiParameter("overdue", bool, description=_("true只看已超时")),
            OpenApiParameter("order", str, enum=["due", "newest"], description=_("due（默认）或newest")),
            *PAGING,
        ],
        responses={200: answers.page_of("TicketPage", answers.TicketRow), **answers.problems(400, 401)},
    )
    def get(self, request: Request) -> HttpResponse:
        given = only(request, ("state", "lead", "overdue", "order", *PAGE_PARAMETERS))
        now = clock.now()
        found = _in_state(tickets_of(request.actor), given.get("state", "live"))
        if "lead" in given:
            found = found.filter(is_lead=flag("lead", given["lead"]))
        if "overdue" in given:
            late = {"due_at__lt": now, "state__in": Ticket.LIVE}
            found = found.filter(**late) if flag("overdue", given["overdue"]) else found.exclude(**late)
        order = given.get("order", "due")
        if order not in ("due", "newest"):
            raise FieldError("order", _("排序只有due或newest"))
        keyset = _BY_DUE if order == "due" else _NEWEST
        rows, size = keyset.page(found.values(*TICKET_FIELDS), given)
        page, cursor = keyset.cut(list(rows), size, lambda row: (row["due_at"], row["id"]))
        return paged(request, [shapes.ticket_row(row, now) for row in page], cursor)


def _in_state(found: QuerySet[Ticket], state: str) -> QuerySet[Ticket]:
    if state == "all":
        return found
    if state == "live":
        return found.filter(state__in=Ticket.LIVE)
    if state not in Ticket.State.values:
        raise FieldError("state", _("没有这个状态：%(text)s") % {"text": state[:40]})
    return found.filter(state=state)


class TicketDone(APIView):
    """A joint ticket is done. The lead ticket is done by the case's own action feed_back."""

    @extend_schema(
        operation_id="tickets_done",
        summary=_("协办工单办结"),
        request=bodies.DoneBody,
        responses={204: None, **answers.problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, pk: int) -> HttpResponse:
        given = check(bodies.DoneBody, request.data)
        tickets.finish_joint(
            ticket_id=pk, by=request.actor, note=given["note"], attachments=given.get("attachments", ())
        )
        return HttpResponse(status=204)


class TicketSign(APIView):
    """A joint ticket is signed."""

    @extend_schema(
        operation_id="tickets_sign",
        summary=_("协办工单签收"),
        request=None,
        responses={204: None, **answers.problems(401, 403, 404, 409)},
    )
    def post(self, request: Request, pk: int) -> HttpResponse:
        tickets.sign_joint(ticket_id=pk, by=request.actor)
        return HttpResponse(status=204)


class TicketRefuse(APIView):
    """The joint handler refuses; the dispatcher is told."""

    @extend_schema(
        operation_id="tickets_refuse",
        summary=_("协办工单拒绝"),
        request=bodies.ReasonBody,
        responses={204: None, **answers.problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, pk: int) -> HttpResponse:
        given = check(bodies.ReasonBody, request.data)
        tickets.refuse_joint(ticket_id=pk, by=request.actor, reason=given["reason"])
        return HttpResponse(status=204)


class Requests(APIView):
    """The requests that the caller may decide."""

    @extend_schema(
        operation_id="requests_list",
        summary=_("待我审批的申请：应先审批的在前"),
        parameters=PAGING,
        responses={200: answers.page_of("RequestPage", answers.RequestRow), **answers.problems(400, 401)},
    )
    def get(self, request: Request) -> HttpResponse:
        given = only(request, PAGE_PARAMETERS)
        rows, size = _WAITING.page(requests_waiting_for(request.actor).values(*REQUEST_FIELDS), given)
        page, cursor = _WAITING.cut(list(rows), size, lambda row: (row["decide_by_at"], row["id"]))
        return paged(request, [shapes.request_row(row) for row in page], cursor)
