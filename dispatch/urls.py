"""Addresses of the pages."""

from django.urls import path, register_converter

from dispatch.views import (
    account,
    appeals,
    audit_trail,
    case,
    compare,
    desks,
    files,
    find,
    inbox,
    loop_audit,
    map_layers,
    maps,
    notices,
    ops,
    public,
    report,
    rulings,
    security,
    session,
    steps_in,
    system,
    workbench,
)


class CaseNumber:
    """A case's number, so that nothing odd reaches the database."""

    regex = "[0-9A-Za-z-]{1,24}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class RowId:
    """A primary key that a column can hold."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


class Digest:
    """Hexadecimal figures that name something whose own key is not shown."""

    regex = "[0-9a-f]{24,32}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class Signed:
    """What ``django.core.signing`` made."""

    regex = "[0-9A-Za-z_:-]{20,300}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class Token:
    """A link's or a QR code's token."""

    regex = "[0-9A-Za-z_-]{6,40}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(CaseNumber, "case")
register_converter(RowId, "row")
register_converter(Digest, "digest")
register_converter(Signed, "signed")
register_converter(Token, "token")

app_name = "pages"
urlpatterns = [
    path("", session.home, name="home"),
    path("login/", session.SignIn.as_view(), name="sign_in"),
    path("login/code/", steps_in.code, name="sign_in_code"),
    path("login/enrol/", steps_in.enrol, name="sign_in_enrol"),
    path("login/password/", steps_in.password, name="sign_in_password"),
    path("login/go/", steps_in.go, name="sign_in_go"),
    path("logout/", session.SignOut.as_view(), name="sign_out"),
    path("here/", session.here, name="here"),
    path("account/", account.account, name="account"),
    path("account/password/", account.change_password, name="change_password"),
    path("account/factor/", account.factor, name="factor"),
    path("account/factor/codes/", account.renew_codes, name="renew_codes"),
    path("account/factor/remove/", account.remove_factor, name="remove_factor"),
    path("account/token/drop/", account.drop_token, name="drop_token"),
    path("account/sessions/<digest:public_id>/end/", account.end_session, name="end_session"),
    path("security/", security.security, name="security"),
    path("security/lockouts/<digest:key>/unlock/", security.unlock, name="unlock"),
    path("security/sessions/<digest:public_id>/end/", security.end_session, name="end_any_session"),
    path("security/accounts/<row:user_id>/<slug:step>/", security.act_on_account, name="act_on_account"),
    path("audit/", audit_trail.trail, name="audit"),
    path("audit/export/", audit_trail.export, name="audit_export"),
    path("queue/<slug:desk>/", desks.queue, name="queue"),
    path("work/holders/", workbench.holders, name="holders"),
    path("work/<slug:desk>/", workbench.workbench, name="workbench"),
    path("find/", find.find, name="find"),
    path("inbox/", inbox.inbox, name="inbox"),
    path("inbox/<case:number>/", inbox.ticket, name="ticket"),
    path("tasks/", inbox.tasks, name="tasks"),
    path("report/", report.report, name="report"),
    path("report/place/", report.place, name="place"),
    path("report/where/", report.where, name="where"),
    path("report/done/<case:number>/", report.reported, name="reported"),
    path("cases/<case:number>/", case.case, name="case"),
    path("cases/<case:number>/compare/<case:other>/", compare.compare, name="compare"),
    path("cases/<case:number>/act/<slug:action>/", case.act, name="act"),
    path("cases/<case:number>/ask/<slug:kind>/", case.ask, name="ask"),
    path("cases/<case:number>/requests/<row:request_id>/", case.decide, name="decide"),
    path("cases/<case:number>/joint/<row:ticket_id>/<slug:step>/", case.joint, name="joint"),
    path("cases/<case:number>/phone/", case.phone, name="phone"),
    path("files/<uuid:attachment_id>/", files.file, name="file"),
    path("files/signed/<signed:link>/", files.signed, name="signed_file"),
    path("notices/", notices.notices, name="notices"),
    path("notices/read/", notices.read_all, name="read_all"),
    path("notices/<row:notice_id>/read/", notices.read_notice, name="read_notice"),
    path("r/<token:token>/", public.link, name="link"),
    path("r/<token:token>/files/<uuid:attachment_id>/", public.link_file, name="link_file"),
    path("r/<token:token>/<slug:action>/", public.link_act, name="link_act"),
    path("c/<token:qr_token>/", public.scan, name="scan"),
    path("map/areas/", maps.map_areas, name="map_areas"),
    path("map/cases/", maps.map_cases, name="map_cases"),
    path("map/components/", map_layers.components, name="map_components"),
    path("map/duty/", map_layers.duty, name="map_duty"),
    path("map/zones/", map_layers.zones, name="map_zones"),
    path("ops/", ops.ops, name="ops"),
    path("ops/audit/", loop_audit.audit, name="loop_audit"),
    path("ops/audit/now/", loop_audit.audit_now, name="loop_audit_now"),
    path("ops/system/", system.system, name="system"),
    path("ops/clocks/<row:clock_id>/<slug:step>/", ops.ladder, name="ladder"),
    path("ops/entries/<row:entry_id>/release/", ops.release_entry, name="release_entry"),
    path("ops/deliveries/<row:delivery_id>/resend/", ops.resend, name="resend"),
    path("appeals/", appeals.listing, name="appeals"),
    path("appeals/<row:appeal_id>/", appeals.decide, name="appeal_decide"),
    path("appeals/case/<case:number>/", appeals.appeal, name="appeal"),
    path("rulings/", rulings.listing, name="rulings"),
    path("rulings/<case:number>/", rulings.ruling, name="ruling"),
]
