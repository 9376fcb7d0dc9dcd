"""Admin pages that save through a service: what it refuses stands in the form at the field it names."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.core import checks
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.http import HttpRequest

from gridgov.common.errors import DomainError, FieldError, FieldErrors
from gridgov.common.read_only import BoundedPaginator


class _Rehearsed(Exception):
    """Takes back what the rehearsal wrote."""


class ServiceAdmin(admin.ModelAdmin):
    """Adding and changing call :meth:`save_by_service`, deleting is refused.

    The service is called twice: when the form is checked, taken back at once, so that its refusal is an error of the
    form with the input kept; and to save.
    """

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    #: the service's name of a field: the form's
    field_names: dict[str, str] = {}

    #: Each page's own: (request, the row with the form's values on it, the form's cleaned data, whether it was there
    #: before) → the saved row. No process starts with a page that has none.
    save_by_service: Callable[[HttpRequest, Any, dict[str, Any], bool], models.Model]

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        found = super().check(**kwargs)
        if not hasattr(self, "save_by_service"):
            found.append(
                checks.Error("a page that saves by a service has to say by which", obj=type(self), id="gridgov.E007")
            )
        return found

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        base = super().get_form(request, obj, change=change, **kwargs)
        page = self

        class Form(base):  # type: ignore[misc,valid-type]
            def _post_clean(self) -> None:
                # the service before the constraints: it says what is wrong and where, they only that something is
                self.instance.validate_constraints = lambda **kwargs: None
                super()._post_clean()
                del self.instance.validate_constraints
                if not self.errors:
                    page._rehearse(request, self, change)
                if not self.errors:
                    try:
                        self.instance.validate_constraints(exclude=self._get_validation_exclusions())
                    except ValidationError as error:
                        self._update_errors(error)

        return Form

    def _rehearse(self, request: HttpRequest, form: forms.ModelForm, change: bool) -> None:
        try:
            with transaction.atomic():
                self.save_by_service(request, form.instance, form.cleaned_data, change)
                raise _Rehearsed
        except _Rehearsed:
            pass
        except FieldErrors as refused:
            for error in refused.errors:
                self._add_error(form, error.field, error)
        except FieldError as error:
            self._add_error(form, error.field, error)
        except DomainError as error:
            self._add_error(form, "", error)

    def _add_error(self, form: forms.ModelForm, field: str, error: DomainError) -> None:
        name = self.field_names.get(field, field)
        form.add_error(name if name in form.fields else None, str(error.message))

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        saved = self.save_by_service(request, obj, form.cleaned_data, change)
        for field in saved._meta.concrete_fields:
            setattr(obj, field.attname, getattr(saved, field.attname))
        obj._state.adding = False

    def save_related(self, request: HttpRequest, form: forms.ModelForm, formsets: Any, change: bool) -> None:
        """Nothing: the service has saved all of it."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
