"""The channel inside the product: the notice is there as soon as it is stored, so sending is nothing but saying so."""

from collections.abc import Mapping, Sequence

from dispatch.notify.message import Message

NAME = "in_app"


def send(messages: Sequence[Message]) -> Mapping[int, str]:
    """Every message has arrived."""
    return {}
