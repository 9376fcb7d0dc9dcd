"""What takes a step back at once: after 派遣 the recall, after 并案 its undoing. From the workflow table (pure)."""

from collections.abc import Mapping

from dispatch.actors import Actor
from dispatch.cases import Case
from dispatch.offers import OpenAction, open_actions
from incidents.workflow import Action as A
from incidents.workflow import Status, find

#: The step → what takes it back, if the case still stands where the step put it. Nothing is undone silently: each is
#: an action of the table with its own permission, reason and journal entry.
TAKES_BACK: Mapping[A, tuple[A, ...]] = {
    A.ACCEPT: (A.SEND_BACK,),
    A.REQUEST_CHECK: (A.CANCEL_CHECK,),
    A.REJECT: (A.REINSTATE,),
    A.DECLINE: (A.REINSTATE,),
    A.VOID: (A.REINSTATE,),
    A.FILE: (A.SEND_BACK,),
    A.DISPATCH: (A.RECALL,),
    A.IMPOSE: (A.RECALL,),
    A.SUSPEND: (A.RESUME,),
    A.FEED_BACK: (A.REFUSE_FEEDBACK,),
    A.REQUEST_VERIFICATION: (A.REASSIGN_VERIFICATION,),
    A.MERGE: (A.UNMERGE,),
    A.CLOSE: (A.REOPEN,),
    A.TRANSFER: (A.TRANSFER,),
    A.AMEND: (A.AMEND,),
}


def undo_of(action: str, status_to: str) -> tuple[A, ...]:
    """What takes the step ``action`` back that put the case into ``status_to``: actions open there; often none."""
    if action not in A.values:
        return ()
    return tuple(back for back in TAKES_BACK.get(A(action), ()) if find(back, Status(status_to)) is not None)


def offered(case: Case, by: Actor, *, action: str, version: int) -> list[OpenAction]:
    """What ``by`` may do at once to take back the step that brought the case to ``version``.

    Nothing where the case has moved on since, or where he may not.
    """
    if case.incident.version != version:
        return []
    wanted = {back.value for back in undo_of(action, case.incident.status)}
    return [offer for offer in open_actions(case, by) if offer.action in wanted and not offer.request]
