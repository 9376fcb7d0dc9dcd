"""What a client needs to fill in forms: categories and filing standards. No statement: both are in the process."""

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from dispatch.api import answers
from gridgov.common.api import answer, only
from gridgov.common.errors import FieldError
from incidents.catalogue import Catalogue, CategorySpec, StandardSpec, catalogue


class Categories(APIView):
    """大类 and 小类 in use, each 大类 before its own."""

    @extend_schema(
        operation_id="categories_list",
        summary=_("类别：大类和小类"),
        responses={200: answers.results_of("CategoryList", answers.CategoryAnswer), **answers.problems(401)},
    )
    def get(self, request: Request) -> HttpResponse:
        only(request, ())
        book = catalogue()
        found = [c for parent in book.categories() for c in (parent, *book.categories(parent.id))]
        return answer({"results": [_category(c, book) for c in found]})


def _category(category: CategorySpec, book: Catalogue) -> dict[str, Any]:
    parent = book.category(category.parent_id)
    return {
        "code": category.code,
        "name": category.name,
        "kind": category.kind,
        "parent": parent.code if parent else None,
        "is_reportable": category.is_reportable,
        "is_answerable": category.is_answerable,
        "is_must_report": category.is_must_report,
        "is_confidential": category.is_confidential,
        "is_urgent": category.is_urgent,
        "holder_level": category.holder_level,
    }


class Standards(APIView):
    """The filing standards in use, of all 小类 or of one."""

    @extend_schema(
        operation_id="standards_list",
        summary=_("立案条件及其时限"),
        parameters=[OpenApiParameter("category", str, description=_("小类代码"))],
        responses={200: answers.results_of("StandardList", answers.FilingStandardAnswer), **answers.problems(400, 401)},
    )
    def get(self, request: Request) -> HttpResponse:
        given = only(request, ("category",))
        book = catalogue()
        if "category" in given:
            category = book.category_by_code(given["category"])
            if category is None:
                raise FieldError("category", _("没有这个类别：%(code)s") % {"code": given["category"][:40]})
            wanted = [category]
        else:
            wanted = [c for parent in book.categories() for c in book.categories(parent.id)]
        return answer({"results": [_standard(s, c, book) for c in wanted for s in book.standards_of(c.id)]})


def _standard(standard: StandardSpec, category: CategorySpec, book: Catalogue) -> dict[str, Any]:
    return {
        "code": standard.code,
        "category": category.code,
        "condition": standard.condition,
        "closing_condition": standard.closing_condition,
        "before_photo_count": standard.before_photo_count,
        "after_photo_count": standard.after_photo_count,
        "verification_photo_count": standard.verification_photo_count,
        "law": standard.law,
        "certainty": standard.certainty,
        "source": standard.source,
        "version": standard.version,
        "limits": [
            {
                "clock": limit.clock,
                "milestone": limit.key,
                "label": limit.label,
                "allowance": limit.allowance.describe(),
                "certainty": limit.certainty,
            }
            for limit in book.own_limits("standard", standard.id)
        ],
    }
