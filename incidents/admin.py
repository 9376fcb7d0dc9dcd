"""Admin pages of the catalogue. Cases have none: they move through ``dispatch.loop`` alone."""

from incidents import admin_catalogue

__all__ = ["admin_catalogue"]
