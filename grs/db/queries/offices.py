"""Offices as lists need them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from grs.db.charters import Charter, CharterEntry
from grs.db.offices import Office
from grs.domain.districts import district_names

PAGE = 20
LONGEST_QUERY = 100
"""Characters of what is searched for."""


def offices_with_charter(session: Session) -> Sequence[Office]:
    """The offices that have published a charter: complaints can be filed against and forwarded to them."""
    return session.scalars(
        select(Office).where(Office.id.in_(select(Charter.office_id))).order_by(Office.district_en, Office.name_en)
    ).all()


def offices_by_number(session: Session, numbers: Collection[int]) -> Sequence[Office]:
    """Offices by their numbers; those that the session holds already are not asked for again."""
    held = [one for number in numbers if (one := session.identity_map.get(identity_key(Office, number)))]
    missing = set(numbers) - {one.id for one in held}
    return [*held, *session.scalars(select(Office).where(Office.id.in_(missing)))] if missing else held


MOST_OFFERED = 50
"""Offices in one list to choose from; a country has thousands."""


def offices_to_choose(session: Session, *, near: Office, words: Sequence[str] = ()) -> tuple[Sequence[Office], bool]:
    """The offices with a charter, another left out, and whether that is all of them.

    Where there are too many for a list: those of its district, or those whose names hold every word.
    """
    others = _published().where(Office.id != near.id)
    some = session.scalars(others.limit(MOST_OFFERED + 1)).all()
    are_all = len(some) <= MOST_OFFERED
    if not are_all:
        wanted = [Office.search_text.contains(word, autoescape=True) for word in words]
        found = others.where(*(wanted or [Office.district_en.in_(district_names(near.district_en or ""))]))
        some = session.scalars(found.order_by(Office.district_en, Office.name_en, Office.id).limit(MOST_OFFERED)).all()
    return sorted(some, key=lambda one: (one.district_en or "", one.name_en)), are_all


def search_offices(
    session: Session, *, words: Sequence[str] = (), district: str = "", page: int = 1
) -> Sequence[Office]:
    """Offices with a charter whose own names hold every word, in a district; one line more than a page."""
    query = _published().where(*(Office.search_text.contains(word, autoescape=True) for word in words))
    if district:
        query = query.where(Office.district_en == district)
    return session.scalars(
        query.order_by(Office.district_en, Office.name_en, Office.id).limit(PAGE + 1).offset((page - 1) * PAGE)
    ).all()


def search_services(
    session: Session, *, words: Sequence[str], today: date, district: str = "", page: int = 1, thorough: bool = True
) -> Sequence[tuple[CharterEntry, Office]]:
    """Services of the charters in force whose name, with their office's, holds every word.

    The name itself holds one of them: one of three letters or more, which the index finds. Only where there is no
    such service, and ``thorough``, may it be a shorter one, for which every name is looked at.
    """
    long = [word for word in words if len(word) >= SHORTEST_INDEXED]
    by_index = _services(session, words, long, today=today, district=district, page=1) if long else []
    of_name = long if by_index or not thorough else words
    if page == 1 and of_name is long:
        return by_index
    return _services(session, words, of_name, today=today, district=district, page=page) if of_name else []


SHORTEST_INDEXED = 3


def charters_of(session: Session, office: Office) -> Sequence[Charter]:
    """Every version of an office's charter, newest first."""
    query = select(Charter).where(Charter.office_id == office.id).order_by(Charter.version.desc())
    return session.scalars(query).all()


def offices_by_slug(
    session: Session, *, words: Sequence[str], district: str, after: str, limit: int
) -> Sequence[Office]:
    """Offices with a charter whose names hold every word, in a district, from a slug on."""
    query = _published().where(
        Office.slug > after, *(Office.search_text.contains(word, autoescape=True) for word in words)
    )
    if district:
        query = query.where(Office.district_en == district)
    return session.scalars(query.order_by(Office.slug).limit(limit)).all()


def services_by_number(
    session: Session, *, today: date, words: Sequence[str], office_id: int | None, after: int, limit: int
) -> Sequence[tuple[CharterEntry, Office]]:
    """Services of the charters in force whose name holds every word, of an office or of all, from a number on."""
    query = _in_force(today).where(
        CharterEntry.id > after, *(CharterEntry.search_text.contains(word, autoescape=True) for word in words)
    )
    if office_id is not None:
        query = query.where(Office.id == office_id)
    return [(entry, office) for entry, office in session.execute(query.order_by(CharterEntry.id).limit(limit))]


def entry_in_force(session: Session, entry_id: int, *, today: date) -> tuple[CharterEntry, Office] | None:
    """A service by its number with its office, where its charter is in force."""
    row = session.execute(_in_force(today).where(CharterEntry.id == entry_id)).one_or_none()
    return (row[0], row[1]) if row is not None else None


def _in_force(today: date) -> Select[CharterEntry, Office]:
    """The services of each office's newest charter in force, with the office."""
    newest_first = (Charter.in_force_from.desc(), Charter.version.desc())
    place = func.row_number().over(partition_by=Charter.office_id, order_by=newest_first).label("place")
    versions = select(Charter.id, Charter.office_id, place).where(Charter.in_force_from <= today).subquery()
    return (
        select(CharterEntry, Office)
        .join(versions, versions.c.id == CharterEntry.charter_id)
        .join(Office, Office.id == versions.c.office_id)
        .where(versions.c.place == 1)
    )


def _services(
    session: Session, words: Sequence[str], of_name: Sequence[str], *, today: date, district: str, page: int
) -> Sequence[tuple[CharterEntry, Office]]:
    query = _in_force(today).where(
        or_(*(CharterEntry.search_text.contains(word, autoescape=True) for word in of_name)),
        *(
            or_(
                CharterEntry.search_text.contains(word, autoescape=True),
                Office.search_text.contains(word, autoescape=True),
            )
            for word in words
        ),
    )
    if district:
        query = query.where(Office.district_en == district)
    rows = session.execute(
        query.order_by(Office.district_en, Office.name_en, CharterEntry.position)
        .limit(PAGE + 1)
        .offset((page - 1) * PAGE)
    ).all()
    return [(entry, office) for entry, office in rows]


def districts(session: Session) -> Sequence[str]:
    """The districts in which an office has published a charter."""
    query = select(Office.district_en).where(Office.id.in_(select(Charter.office_id)), Office.district_en.is_not(None))
    return [str(name) for name in session.scalars(query.distinct().order_by(Office.district_en))]


def _published() -> Select[Office]:
    return select(Office).where(Office.id.in_(select(Charter.office_id)))


def search_all_offices(
    session: Session, *, words: Sequence[str], within: Collection[int] | None, page: int, size: int
) -> Sequence[Office]:
    """Offices whose names hold every word, with a charter or without; one line more than a page."""
    query = select(Office).where(*(Office.search_text.contains(word, autoescape=True) for word in words))
    if within is not None:
        query = query.where(Office.id.in_(within))
    query = query.order_by(Office.name_en, Office.id).limit(size + 1).offset((page - 1) * size)
    return session.scalars(query).all()


def offices_below(
    session: Session, parent_id: int | None, *, within: Collection[int] | None, page: int, size: int
) -> Sequence[Office]:
    """The offices right below one; without one those at the top, or at the top of a part. One line more than a page."""
    query = select(Office).order_by(Office.name_en, Office.id).limit(size + 1).offset((page - 1) * size)
    if parent_id is not None:
        query = query.where(Office.parent_id == parent_id)
    elif within is None:
        query = query.where(Office.parent_id.is_(None))
    else:
        is_top = or_(Office.parent_id.is_(None), Office.parent_id.not_in(within))
        query = query.where(Office.id.in_(within), is_top)
    return session.scalars(query).all()
