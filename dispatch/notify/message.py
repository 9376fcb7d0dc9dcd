"""What is to be told, what a channel is given to send, and what it must offer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody is to be told something of a case's entry."""

    user_id: int
    incident_id: int | None
    entry_seq: int | None
    topic: str
    text: str
    channel: str = "in_app"
    number: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery: its id and tries so far, the notice and its person, and what is said."""

    delivery_id: int
    attempt_count: int
    notice_id: int
    user_id: int
    topic: str
    text: str


class Channel(Protocol):
    """A module of ``dispatch.notify``. ``send`` tries each message once, with no transaction open.

    It returns why those failed that failed, by delivery id; an exception means that all did.
    """

    NAME: str

    def send(self, messages: Sequence[Message]) -> Mapping[int, str]: ...
