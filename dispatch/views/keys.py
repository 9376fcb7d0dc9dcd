"""The key of each thing that can be done to a case, as printed on its button (pure).

One letter may stand for several actions that are never open together, or of which the first that is open is meant.
"""

from collections.abc import Mapping

from incidents.workflow import Action as A

#: In the order in which they are looked for.
KEYS: Mapping[str, str] = {
    A.ACCEPT.value: "A",
    A.APPROVE_ON_SITE.value: "A",
    A.FILE.value: "F",
    A.DISPATCH.value: "D",
    A.IMPOSE.value: "D",
    A.REQUEST_VERIFICATION.value: "V",
    A.PASS.value: "V",
    A.FAIL.value: "R",
    A.REFUSE_FEEDBACK.value: "R",
    A.REFUSE_ON_SITE.value: "R",
    A.SEND_BACK.value: "R",
    A.CLOSE.value: "E",
    A.NOTE.value: "N",
    A.MERGE.value: "M",
    A.REQUEST_CHECK.value: "H",
    A.REJECT.value: "X",
    A.DECLINE.value: "X",
    A.SUPERVISE.value: "S",
}


def key_of(action: str) -> str:
    """The letter on the button; empty for what has none."""
    return KEYS.get(action, "")
