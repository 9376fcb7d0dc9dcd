"""The session engine (``SESSION_ENGINE``): rows that know whose they are, end when nobody is at work, and can be ended.

A signed-in session says when its owner last did something (``seen``); it ends ``IDLE_MINUTES`` later, and whatever
saves it in between does not prolong it. What a page does by itself (a fragment fetched, a draft kept, a claim
renewed) is nobody's doing.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db import connection, transaction
from django.db.models import DateField, QuerySet, Value
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from gridgov.common import audit, clock
from gridgov.common.errors import NotFound
from gridgov.common.models import User
from gridgov.common.prepared import PreparedRows

#: Where a session keeps what its row says.
_ID, _ADDRESS, _AGENT, _BEGUN, _SEEN = "_id", "_address", "_agent", "_begun", "_seen"
#: A session is not written more often than this to note that its owner is there.
NOTED_EVERY = timedelta(minutes=1)
#: By which accounts sign in with a password: whom it lets in is said here, too.
_BACKEND = "django.contrib.auth.backends.ModelBackend"
_OWNER = tuple(field.attname for field in User._meta.concrete_fields)


class SessionStore(DatabaseStore):
    """Django's, with the columns of :class:`gridgov.accounts.models.Session`, read together with its owner."""

    #: whose it is by its row, with what :func:`tell_with_owner` asked; whether he may come in, :func:`owner_of` says
    owner: User | None = None

    def _validate_session_key(self, key: Any) -> bool:
        """Letters and figures, as Django makes it: a cookie is anybody's to write, and can quote what no row holds."""
        return super()._validate_session_key(key) and key.isascii() and key.isalnum()

    @classmethod
    def get_model_class(cls) -> Any:
        from gridgov.accounts.models import Session  # noqa: PLC0415  the engine is imported before the models are

        return Session

    def load(self) -> dict[str, Any]:
        """What the session holds; empty, and without a key, where it is over. One statement, with its owner."""
        now = clock.now()
        row = _WITH_OWNER.first(key=self.session_key, now=now, on=clock.local_date(now))
        if row is None:
            self._session_key = None
            return {}
        data, *said = row
        owner, told = said[: len(_OWNER)], said[len(_OWNER) :]
        if owner[_OWNER.index("id")] is not None:
            self.owner = User.from_db(connection.alias, _OWNER, owner)
            vars(self.owner).update(zip(("told_on", *_told_names), told, strict=True))
        return self.decode(data)

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        row = super().create_model_instance(data)
        if SESSION_KEY in data and _SEEN in data:
            row.user_id = int(data[SESSION_KEY])
            row.public_id, row.address, row.agent = data[_ID], data[_ADDRESS], data[_AGENT]
            row.begun_at, row.seen_at = (datetime.fromisoformat(data[name]) for name in (_BEGUN, _SEEN))
            row.expire_date = row.seen_at + idle_time()
        return row

    def cycle_key(self) -> None:
        """A new key, and a new name with it: the old row is there until the new one is, and names are unique."""
        if _ID in self._session:
            self._session[_ID] = uuid.uuid4().hex
        super().cycle_key()


#: What apps above want to know of the owner, and by which names.
_tellers: list[Callable[[date], Mapping[str, Any]]] = []
_told_names: list[str] = []


def tell_with_owner(names: Iterable[str], teller: Callable[[date], Mapping[str, Any]]) -> None:
    """The statement that reads a session reads this, too. Called once, when an app is ready.

    ``teller(day)`` gives an expression over the session's row, whose ``user`` is the owner, for each of ``names``: they
    become attributes of the owner, and ``told_on`` the local day for which they hold. It must not look at the day.
    """
    _tellers.append(teller)
    _told_names.extend(names)


def _with_owner(key: Any, now: Any, on: Any) -> QuerySet[Any]:
    rows = SessionStore.get_model_class().objects.filter(session_key=key, expire_date__gt=now).order_by()
    rows = rows.annotate(told_on=Value(on, output_field=DateField()))
    for teller in _tellers:
        rows = rows.annotate(**teller(on))
    return rows.values_list("session_data", *(f"user__{name}" for name in _OWNER), "told_on", *_told_names)


_WITH_OWNER = PreparedRows(_with_owner, key=str, now=datetime, on=date)


def owner_of(session: SessionStore) -> User | None:
    """Who is signed in, as of when the session was read, if every rule of ``django.contrib.auth.get_user`` says so.

    None where any of them does not, or would have to look twice (a key that was replaced): then that is to be asked,
    which ends what must end. No statement but the session's own.
    """
    said = session.get(SESSION_KEY)
    user = session.owner
    if user is None or str(user.pk) != said or not user.is_active:
        return None
    if session.get(BACKEND_SESSION_KEY) != _BACKEND or _BACKEND not in settings.AUTHENTICATION_BACKENDS:
        return None
    digest = session.get(HASH_SESSION_KEY)
    return user if digest and constant_time_compare(digest, user.get_session_auth_hash()) else None


def idle_time() -> timedelta:
    """For how long nobody need do anything before the session ends."""
    return timedelta(minutes=settings.IDLE_MINUTES)


def begin(session: Any, *, address: str | None, agent: str) -> None:
    """The session, to which somebody has just signed in, says where and when."""
    now = clock.now().isoformat()
    session.update({_ID: uuid.uuid4().hex, _ADDRESS: address, _AGENT: agent[:200], _BEGUN: now, _SEEN: now})


def note_here(session: Any) -> None:
    """The owner did something just now. Written at most once in :data:`NOTED_EVERY`."""
    said, now = session.get(_SEEN), clock.now()
    if said is not None and now - datetime.fromisoformat(said) >= NOTED_EVERY:
        session[_SEEN] = now.isoformat()


def public_id(session: Any) -> str | None:
    """What the session is called in pages."""
    return session.get(_ID)


# --- looking and ending -----------------------------------------------------------------------------------------


def open_sessions(*, users: Iterable[int] | None = None) -> QuerySet[Any]:
    """The sessions of people who are signed in now, of ``users`` only if given; the latest first."""
    rows = SessionStore.get_model_class().objects.filter(user__isnull=False, expire_date__gt=clock.now())
    rows = rows.defer("session_data").select_related("user").order_by("-begun_at", "-public_id")
    return rows if users is None else rows.filter(user__in=list(users))


def end(*, public_id: str, by: User, owner: User | None = None, reason: str = "", address: str | None = None) -> None:
    """The session is over at once, its event streams within seconds. NotFound unless it is ``owner``'s, if given."""
    with transaction.atomic():
        found = open_sessions(users=None if owner is None else [owner.pk]).filter(public_id=public_id).first()
        if found is None:
            raise NotFound(_("没有这个会话，可能已经结束。"))
        found.delete()
        detail = {"session": public_id} | ({"reason": reason} if reason else {})
        audit.record(action="session.end", actor=by, obj=found.user, detail=detail, address=address)


def end_all(*, user: User, by: User | None, keep: str | None = None, address: str | None = None) -> int:
    """All sessions of the account are over, but for the one called ``keep``; how many. In the caller's transaction."""
    rows = open_sessions(users=[user.pk]).select_related(None).order_by()
    count, _models = (rows.exclude(public_id=keep) if keep else rows).delete()
    if count:
        audit.record(action="session.end_all", actor=by, obj=user, detail={"count": count}, address=address)
    return count


def clear_expired() -> int:
    """The rows of sessions that are over are gone; how many."""
    return SessionStore.get_model_class().objects.filter(expire_date__lt=clock.now()).delete()[0]
