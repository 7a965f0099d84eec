"""Posts and who sits on them: made, held from–to, ended; people invited, shut out and let in again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, joinedload

from grs.db.administration import SecurityKind
from grs.db.offices import LoginSession, Office, Person, Post, PostHolder
from grs.domain.access import PostRole
from grs.domain.bangla import normalise
from grs.domain.calendar import dhaka_date
from grs.domain.errors import InvalidInput, NotFound, NotYours
from grs.domain.lodging import is_email
from grs.domain.typed import read_choice, read_day, read_number
from grs.usecases.account_links import invite_person
from grs.usecases.accounts import appoint, end_sessions, person_by_email
from grs.usecases.administration import Administrator
from grs.usecases.posts import POST_TITLES, USUAL_GRADE
from grs.usecases.second_factor import end_second_factor
from grs.usecases.security_log import log_event

GRADES = range(1, 21)
PAGE = 50
LONGEST = 200


def posts_of_office(session: Session, office: Office) -> Sequence[Post]:
    """The office's posts, by role."""
    return session.scalars(select(Post).where(Post.office_id == office.id).order_by(Post.role, Post.id)).all()


def holders_of(session: Session, posts: Sequence[Post], *, today: date) -> dict[int, list[PostHolder]]:
    """By post, who sits on it now or is going to, holders before stand-ins."""
    query = (
        select(PostHolder)
        .options(joinedload(PostHolder.person))
        .where(
            PostHolder.post_id.in_([post.id for post in posts]),
            or_(PostHolder.held_to.is_(None), PostHolder.held_to >= today),
        )
        .order_by(PostHolder.is_stand_in, PostHolder.held_from, PostHolder.id)
    )
    found: dict[int, list[PostHolder]] = {post.id: [] for post in posts}
    for holder in session.scalars(query):
        found[holder.post_id].append(holder)
    return found


def keep_post(session: Session, admin: Administrator, office: Office, typed: Mapping[str, str]) -> Post:
    """A new post, or another title or grade for one that is there. Raises InvalidInput."""
    problems: dict[str, str] = {}
    number = read_number(typed.get("post"))
    post = session.get(Post, number) if number else None
    if number and (post is None or post.office_id != office.id):
        raise NotFound("post", number)
    role = post.role if post is not None else read_choice(PostRole, typed, "role", problems)
    title_bn, title_en = (normalise(typed.get(name, "")) for name in ("title_bn", "title_en"))
    titles = {"title_bn": title_bn, "title_en": title_en}
    problems |= {name: "too_long" for name, text in titles.items() if len(text) > LONGEST}
    grade = read_number(typed.get("grade"))
    if typed.get("grade", "").strip() and grade not in GRADES:
        problems["grade"] = "not_a_grade"
    if problems or role is None:
        raise InvalidInput(problems)
    _check_may_fill(admin, role)
    usual = POST_TITLES[role]
    title_bn, title_en = title_bn or usual[0], title_en or usual[1]
    same = session.scalar(select(Post).where(Post.office_id == office.id, Post.role == role, Post.title_bn == title_bn))
    if same is not None and same is not post:
        raise InvalidInput({"title_bn": "post_there_already"})
    if post is None:
        post = Post(office_id=office.id, role=role, title_bn=title_bn, title_en=title_en)
        session.add(post)
    post.title_bn, post.title_en, post.grade = title_bn, title_en, grade or USUAL_GRADE[office.level]
    session.flush()
    return post


FAR_REACHING = frozenset({PostRole.ADMINISTRATOR, PostRole.COORDINATOR, PostRole.CELL_OFFICER})
"""Posts that reach beyond an office: only who keeps the system fills them, and touches who sits on them."""


def _check_may_fill(admin: Administrator, role: PostRole) -> None:
    if role in FAR_REACHING and not admin.is_system:
        raise NotYours("administration")


def appoint_person(session: Session, admin: Administrator, office: Office, typed: Mapping[str, str]) -> PostHolder:
    """Put a person on a post from–to; who has no account yet gets an invitation. Raises InvalidInput or NotYours."""
    problems: dict[str, str] = {}
    post = session.get(Post, read_number(typed.get("post")) or 0)
    if post is None or post.office_id != office.id:
        problems["post"] = "choose_one"
    email, name = typed.get("email", "").strip().lower(), normalise(typed.get("name", ""))
    held_from = read_day(typed, "held_from", problems)
    held_to = read_day(typed, "held_to", problems)
    if not is_email(email):
        problems["email"] = "not_an_email"
    person = person_by_email(session, email) if "email" not in problems else None
    if person is None and not name:
        problems["name"] = "required"
    if len(name) > LONGEST:
        problems["name"] = "too_long"
    if person is not None and not person.is_active:
        problems["email"] = "shut_out"
    if person is not None and person.id == admin.person_id and not admin.is_system:
        problems["email"] = "yourself"
    if problems or post is None:
        raise InvalidInput(problems)
    _check_may_fill(admin, post.role)
    if person is None or not person.has_password:
        person = invite_person(session, email=email, name=name, now=admin.now).person
        _note(session, admin, SecurityKind.INVITED, person, office)
    holder = appoint(session, person.id, post, held_from=held_from or admin.today, held_to=held_to)
    holder.is_stand_in = typed.get("is_stand_in") == "yes"
    session.flush()
    _note(session, admin, SecurityKind.APPOINTED, person, office, post=post.id, role=post.role)
    return holder


def end_appointment(session: Session, admin: Administrator, office: Office, holder_id: int) -> None:
    """The person leaves the post: yesterday was the last day, or it never begins. Raises NotFound."""
    holder = session.get(PostHolder, holder_id, with_for_update=True)
    if holder is None or holder.post.office_id != office.id:
        raise NotFound("appointment", holder_id)
    _check_may_fill(admin, holder.post.role)
    if holder.held_from >= admin.today:
        session.delete(holder)
    else:
        holder.held_to = admin.today - timedelta(days=1)
    _note(session, admin, SecurityKind.APPOINTMENT_ENDED, holder.person, office, post=holder.post_id)


# -- people -----------------------------------------------------------------------------------------------------------


def people_of(
    session: Session, admin: Administrator, *, words: str = "", after: int = 0, limit: int = PAGE
) -> Sequence[Person]:
    """People on posts of the administered offices, now or later; all people for who keeps the system. By number."""
    query = select(Person).where(Person.id > after).order_by(Person.id).limit(limit)
    if not admin.is_system:
        query = query.where(Person.id.in_(_holders_of(admin)))
    text = normalise(words).lower()
    if text:
        columns = (Person.email, Person.name)
        query = query.where(or_(*(column.contains(text, autoescape=True) for column in columns)))
    return session.scalars(query).all()


def _holders_of(admin: Administrator) -> Select[int]:
    """Who sits on a post of the administered offices, or will: who has left is another office's concern."""
    return (
        select(PostHolder.person_id)
        .join(Post)
        .where(
            Post.office_id.in_(admin.office_ids),
            or_(PostHolder.held_to.is_(None), PostHolder.held_to >= dhaka_date(admin.now)),
        )
    )


def administered_person(session: Session, admin: Administrator, person_id: int) -> Person:
    """A person of the administered offices; raises NotFound or NotYours.

    One who also sits elsewhere, or on a post that reaches further, is only changed by who keeps the system.
    """
    person = session.get(Person, person_id, with_for_update=True)
    if person is None:
        raise NotFound("person", person_id)
    if not admin.is_system:
        posts = session.scalars(select(Post).join(PostHolder).where(PostHolder.person_id == person_id)).all()
        is_mine = {post.office_id for post in posts} <= set(admin.office_ids)
        if not posts or not is_mine or FAR_REACHING & {post.role for post in posts}:
            raise NotYours("administration")
    return person


def appointments_of(session: Session, person: Person) -> Sequence[PostHolder]:
    """Every post the person has held or holds, newest first."""
    query = select(PostHolder).options(joinedload(PostHolder.post).joinedload(Post.office))
    return session.scalars(query.where(PostHolder.person_id == person.id).order_by(PostHolder.held_from.desc())).all()


def shut_out(session: Session, admin: Administrator, person_id: int) -> None:
    """The person cannot log in any more, and is nowhere logged in. Nobody shuts himself out."""
    if person_id == admin.person_id:
        raise InvalidInput({"person": "yourself"})
    person = administered_person(session, admin, person_id)
    person.is_active = False
    end_sessions(session, person_id, now=admin.now)
    _note(session, admin, SecurityKind.PERSON_SHUT_OUT, person)


def let_in(session: Session, admin: Administrator, person_id: int) -> None:
    """The person can log in again."""
    person = administered_person(session, admin, person_id)
    person.is_active = True
    _note(session, admin, SecurityKind.PERSON_LET_IN, person)


def end_all_sessions(session: Session, admin: Administrator, person_id: int) -> None:
    """The person is logged out everywhere."""
    person = administered_person(session, admin, person_id)
    end_sessions(session, person_id, now=admin.now)
    _note(session, admin, SecurityKind.SESSIONS_ENDED, person)


def remove_second_factor(session: Session, admin: Administrator, person_id: int) -> None:
    """The telephone is lost: a new authenticator is set up at the next log-in; every session ends."""
    if person_id == admin.person_id:
        raise InvalidInput({"person": "yourself"})
    person = administered_person(session, admin, person_id)
    end_second_factor(session, person_id)
    end_sessions(session, person_id, now=admin.now)
    _note(session, admin, SecurityKind.SECOND_FACTOR_REMOVED, person)


def invite_again(session: Session, admin: Administrator, person_id: int) -> None:
    """Another link for somebody who has not set a password yet. Raises InvalidInput."""
    person = administered_person(session, admin, person_id)
    invite_person(session, email=person.email, name=person.name, now=admin.now)
    _note(session, admin, SecurityKind.INVITED, person)


def everybodys_sessions(
    session: Session, admin: Administrator, *, seen_since: object, limit: int = PAGE
) -> Sequence[LoginSession]:
    """Where the people one administers are logged in, last seen first."""
    query = (
        select(LoginSession)
        .options(joinedload(LoginSession.person))
        .where(LoginSession.ended_at.is_(None), LoginSession.last_seen_at >= seen_since)
        .order_by(LoginSession.last_seen_at.desc())
        .limit(limit)
    )
    if not admin.is_system:
        query = query.where(LoginSession.person_id.in_(_holders_of(admin)))
    return session.scalars(query).all()


def _note(
    session: Session,
    admin: Administrator,
    kind: SecurityKind,
    person: Person,
    office: Office | None = None,
    **more: object,
) -> None:
    where = {"office": office.slug} if office is not None else {}
    log_event(session, kind, now=admin.now, person_id=admin.person_id, address=admin.address, whom=person.id,
              **where, **more)  # fmt: skip
