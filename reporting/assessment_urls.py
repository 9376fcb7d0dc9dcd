"""Addresses of the monthly assessment and of the grid leader's day."""

from django.urls import path

import dispatch.urls  # noqa: F401  its converters are used here
from reporting.views import assessment, assessment_row, today

urlpatterns = [
    path("today/", today.today, name="today"),
    path("assessments/", assessment.assessments, name="assessments"),
    path("assessments/confirm/", assessment.confirm, name="assessments_confirm"),
    path("assessments/mine/", assessment.mine, name="assessments_mine"),
    path("assessments/scheme/", assessment.scheme, name="assessment_scheme"),
    path("assessments/<row:assessment_id>/", assessment_row.row, name="assessment"),
    path("assessments/<row:assessment_id>/review/", assessment_row.review, name="assessment_review"),
    path("assessments/<row:assessment_id>/publish/", assessment_row.publish, name="assessment_publish"),
    path("assessments/<row:assessment_id>/reply/", assessment_row.reply, name="assessment_reply"),
    path("assessments/<row:assessment_id>/correct/", assessment_row.correct, name="assessment_correct"),
    path(
        "assessments/<row:assessment_id>/evidence/<case:number>/<row:seq>/",
        assessment_row.evidence_then,
        name="assessment_evidence",
    ),
]
