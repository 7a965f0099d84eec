"""Who is logged in: Flask-Login over our own session table, and the desk they work at."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from functools import cached_property

from flask import Flask
from flask_login import LoginManager, UserMixin, current_user

from grs.db.offices import Person, Post
from grs.domain.access import DESK_ROLES, PostRole
from grs.domain.calendar import dhaka_date
from grs.usecases.accounts import (
    SEEN_EVERY,
    Seats,
    desk_of,
    keep_alive,
    live_session,
    posts_among,
    seats_of,
)
from grs.usecases.standing import Desk
from grs.web.doors import house

manager = LoginManager()
manager.session_protection = None  # its own check trusts what the client says of itself


class LoggedIn(UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    """The person behind a session token, as pages need them; a stranger while the second factor is to come."""

    def __init__(
        self,
        token: str,
        person: Person | None = None,
        *,
        seats: Seats = (),
        awaits_code: bool = False,
        is_strong: bool = False,
    ) -> None:
        self.token, self._seats, self.awaits_code, self._is_strong = token, seats, awaits_code, is_strong
        self.person_id, self.name, self.email = (person.id, person.name, person.email) if person else (0, "", "")
        self.has_second_factor = person is not None and person.totp_since is not None

    def get_id(self) -> str:
        return self.token

    @property
    def is_authenticated(self) -> bool:
        return not self.awaits_code

    @property
    def must_enrol(self) -> bool:
        """Whether a second factor has to be set up before anything else."""
        is_asked = house().settings.second_factor == "required"
        return is_asked and not self.has_second_factor and not self._is_strong

    @property
    def posts(self) -> list[Post]:
        return posts_among(self._seats)

    @property
    def own_posts(self) -> list[Post]:
        return posts_among(self._seats, own_only=True)

    @property
    def sits_in(self) -> bool:
        """Whether he does somebody else's work too."""
        return any(is_stand_in for _, is_stand_in in self._seats)

    @property
    def desks(self) -> list[Post]:
        """The posts at which complaints are answered."""
        return [post for post in self.posts if post.role in DESK_ROLES]

    @cached_property
    def _at_work(self) -> Desk:
        with house().readers() as session:
            return desk_of(session, self.person_id, now=house().clock(), seats=self._seats)

    def desk(self) -> Desk:
        """The person at work, in this request."""
        return self._at_work

    @property
    def supervised_offices(self) -> Collection[int]:
        return self.desk().supervised_offices

    @property
    def post_ids(self) -> Collection[int]:
        return self.desk().post_ids


@manager.user_loader  # type: ignore[untyped-decorator]  # Flask-Login has no types
def _load(token: str) -> LoggedIn | None:
    idle = timedelta(minutes=house().settings.session_idle_minutes)
    now = house().clock()
    with house().readers() as session:
        found = live_session(session, token, now=now, idle=idle)
        if found is None:
            return None
        seats = seats_of(session, found.person_id, dhaka_date(now))
    if now - found.last_seen_at > SEEN_EVERY:
        with house().writers.begin() as session:
            keep_alive(session, token, now=now)
    return LoggedIn(token, found.person, seats=seats, awaits_code=found.awaits_code, is_strong=found.is_strong)


def operator_id() -> int | None:
    """The logged-in person when they file for others; None for everybody else."""
    post = _operator_post()
    return me().person_id if post is not None else None


def is_operator() -> bool:
    """Whether somebody files for others, many from one address: known by name, not limited by number."""
    return _operator_post() is not None


def operator_office_id() -> int | None:
    """The office for which the operator works."""
    post = _operator_post()
    return post.office_id if post is not None else None


def _operator_post() -> Post | None:
    if not current_user.is_authenticated or me().must_enrol:
        return None
    return next((post for post in me().posts if post.role is PostRole.OPERATOR), None)


def me() -> LoggedIn:
    """The logged-in person; only behind ``@logged_in``."""
    person = current_user._get_current_object()
    assert isinstance(person, LoggedIn)
    return person


def init_app(app: Flask) -> None:
    # Its own context processor would look the person up on every page, error pages too.
    manager.init_app(app, add_context_processor=False)
