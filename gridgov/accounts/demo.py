"""Whether this database is a demonstration: it says so itself, in its audit trail (see ``gridgov.simulation.demo``)."""

from gridgov.common.models import AuditEntry

TYPE = "demo"
MARKED = "demo.marked"


def is_demo() -> bool:
    """Its accounts have one password that everybody knows, and no second factor. One statement."""
    return AuditEntry.objects.filter(object_type=TYPE, action=MARKED).exists()
