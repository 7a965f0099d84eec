"""Offices as lists need them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from grs.db.charters import Charter
from grs.db.offices import Office


def offices_with_charter(session: Session) -> Sequence[Office]:
    """The offices that have published a charter: complaints can be filed against and forwarded to them."""
    return session.scalars(
        select(Office).where(Office.id.in_(select(Charter.office_id))).order_by(Office.district_en, Office.name_en)
    ).all()
