"""The addresses of the API, version 1."""

from django.urls import path, register_converter

from dispatch.api.accounts import Me, ObtainToken
from dispatch.api.attachments import AttachmentFile, AttachmentLink, Attachments
from dispatch.api.desk import (
    AppealDecision,
    Appeals,
    CaseAppeals,
    DraftDetail,
    Drafts,
    Handling,
    Preview,
    TextDetail,
    Texts,
    View,
    Views,
)
from dispatch.api.incidents import (
    CaseDecision,
    CaseRequests,
    Decision,
    IncidentDetail,
    Incidents,
    RevealPhone,
    Transitions,
)
from dispatch.api.reference import Categories, Standards
from dispatch.api.tickets import Requests, TicketDone, TicketRefuse, Tickets, TicketSign
from dispatch.api.workbench import Bulk, CaseTexts, Changes, Claim, ClaimRenew, ClaimSeize, Find, Undo
from grids.api import Areas, Locate


class Number:
    """A case's number: capital letters and digits, so that nothing odd reaches the database."""

    regex = "[0-9A-Z]{1,24}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class Key:
    """A primary key that a column can hold."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


class FormKey:
    """What a draft is kept under: ``report``, ``case/<number>/<action>``."""

    regex = "[A-Za-z0-9][A-Za-z0-9_./-]{0,79}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(FormKey, "form")
register_converter(Number, "number")
register_converter(Key, "key")

app_name = "api"
urlpatterns = [
    path("auth/token/", ObtainToken.as_view(), name="token"),
    path("me/", Me.as_view(), name="me"),
    path("areas/", Areas.as_view(), name="areas"),
    path("areas/locate/", Locate.as_view(), name="locate"),
    path("categories/", Categories.as_view(), name="categories"),
    path("standards/", Standards.as_view(), name="standards"),
    path("attachments/", Attachments.as_view(), name="attachments"),
    path("attachments/<uuid:pk>/", AttachmentFile.as_view(), name="attachment"),
    path("attachments/<uuid:pk>/link/", AttachmentLink.as_view(), name="attachment-link"),
    path("incidents/", Incidents.as_view(), name="incidents"),
    path("incidents/<number:number>/", IncidentDetail.as_view(), name="incident"),
    path("incidents/<number:number>/transitions/", Transitions.as_view(), name="transitions"),
    path("incidents/<number:number>/requests/", CaseRequests.as_view(), name="case-requests"),
    path("incidents/<number:number>/requests/<key:pk>/decision/", CaseDecision.as_view(), name="case-request-decision"),
    path("incidents/<number:number>/reveal-phone/", RevealPhone.as_view(), name="reveal-phone"),
    path("requests/", Requests.as_view(), name="requests"),
    path("requests/<key:pk>/decision/", Decision.as_view(), name="request-decision"),
    path("tickets/", Tickets.as_view(), name="tickets"),
    path("tickets/<key:pk>/done/", TicketDone.as_view(), name="ticket-done"),
    path("tickets/<key:pk>/sign/", TicketSign.as_view(), name="ticket-sign"),
    path("tickets/<key:pk>/refuse/", TicketRefuse.as_view(), name="ticket-refuse"),
    # the workbench
    path("incidents/<number:number>/claim/", Claim.as_view(), name="claim"),
    path("incidents/<number:number>/claim/renew/", ClaimRenew.as_view(), name="claim-renew"),
    path("incidents/<number:number>/claim/seize/", ClaimSeize.as_view(), name="claim-seize"),
    path("incidents/<number:number>/changes/", Changes.as_view(), name="changes"),
    path("incidents/<number:number>/undo/", Undo.as_view(), name="undo"),
    path("incidents/<number:number>/texts/", CaseTexts.as_view(), name="case-texts"),
    path("incidents/<number:number>/handling/", Handling.as_view(), name="handling"),
    path("incidents/<number:number>/appeals/", CaseAppeals.as_view(), name="case-appeals"),
    path("appeals/", Appeals.as_view(), name="appeals"),
    path("appeals/<key:pk>/decision/", AppealDecision.as_view(), name="appeal-decision"),
    path("bulk/", Bulk.as_view(), name="bulk"),
    path("find/", Find.as_view(), name="find"),
    path("reports/preview/", Preview.as_view(), name="report-preview"),
    path("views/", Views.as_view(), name="views"),
    path("views/<key:pk>/", View.as_view(), name="view"),
    path("texts/", Texts.as_view(), name="texts"),
    path("texts/<key:pk>/", TextDetail.as_view(), name="text"),
    path("drafts/", Drafts.as_view(), name="drafts"),
    path("drafts/<form:key>/", DraftDetail.as_view(), name="draft"),
]
