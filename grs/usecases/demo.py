"""Trial data: every office, charter and post filled with plainly invented people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from grs.db.charters import ChainDesk, Charter
from grs.db.offices import Office, Person, Post, PostHolder
from grs.domain.access import PostRole
from grs.settings import CONFIG
from grs.usecases.calendars import forecast_missing_years, import_calendar, shipped_rows
from grs.usecases.charters import import_charter
from grs.usecases.offices import import_offices, shipped_offices
from grs.usecases.posts import post_in
from grs.usecases.secrets import hash_password, random_below

IN_FORCE_FROM = date(2024, 1, 1)
"""From when the shipped charters count in a trial installation: the first gazetted day."""

COORDINATING = ("dc-rangpur",)
ADMINISTERED = ("cabinet-cell", "doict-rangpur")
"""Where a trial has an administrator: one of the whole system, one of a district's offices."""
BESIDE_CHAINS = (
    PostRole.ADMINISTRATOR,
    PostRole.SUPERVISOR,
    PostRole.COORDINATOR,
    PostRole.OPERATOR,
    PostRole.RESPONSIBLE_OFFICER,
)
_EASY_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What the first run prints, once."""

    role: PostRole
    office: str
    email: str
    password: str


def prepare_rules(session: Session, *, now: datetime) -> None:
    """The gazette calendar with its forecast, the offices and the charters that the project ships."""
    import_calendar(session, shipped_rows(), now=now)
    forecast_missing_years(session, now=now)
    import_offices(session, shipped_offices())
    for path in sorted((CONFIG / "charters").glob("*.txt")):
        if session.scalar(select(Charter.id).where(Charter.source_name == path.name)) is None:
            data = Path(path).read_bytes()
            import_charter(session, data, source=path.name, office=None, in_force_from=IN_FORCE_FROM, now=now)


def fill_posts(session: Session, *, now: datetime) -> list[Login]:
    """An invented officer on each post of every chain, a supervisor for each office, an operator where complaints
    come in, two administrators; their log-ins."""
    with_charter = set(session.scalars(select(Charter.office_id)))
    for office in session.scalars(select(Office)):
        post_in(session, office, PostRole.SUPERVISOR)
        if office.slug in COORDINATING:
            post_in(session, office, PostRole.COORDINATOR)
        if office.slug in ADMINISTERED:
            post_in(session, office, PostRole.ADMINISTRATOR)
        if office.id in with_charter:
            post_in(session, office, PostRole.OPERATOR)
    held = select(PostHolder.post_id)
    in_chain = select(ChainDesk.post_id)
    empty = session.scalars(
        select(Post)
        .where(Post.id.not_in(held), Post.id.in_(in_chain) | Post.role.in_(BESIDE_CHAINS))
        .order_by(Post.office_id, Post.id)
    ).all()
    return [_fill(session, post, now) for post in empty]


def _fill(session: Session, post: Post, now: datetime) -> Login:
    office, password = post.office, _new_password()
    role = post.role.replace("_", "-")
    email = f"{role}@{office.slug}.invalid"
    person = session.scalar(select(Person).where(Person.email == email))
    if person is not None:
        email = f"{role}-{post.id}@{office.slug}.invalid"
    person = Person(
        name=f"নমুনা {post.title_bn} ({office.name_bn})"[:200],
        email=email,
        password_hash=hash_password(password),
        created_at=now,
    )
    session.add(person)
    session.flush()
    session.add(PostHolder(post_id=post.id, person_id=person.id, held_from=IN_FORCE_FROM))
    return Login(role=post.role, office=office.slug, email=email, password=password)


def _new_password() -> str:
    """Sixteen letters in four groups: about 79 bits, easy to copy from a screen."""
    letters = "".join(_EASY_LETTERS[random_below(len(_EASY_LETTERS))] for _ in range(16))
    return "-".join(letters[i : i + 4] for i in range(0, 16, 4))
