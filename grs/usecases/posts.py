"""Posts of offices: found by role and title, made where there is none yet."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from grs.db.offices import Office, Post
from grs.domain.access import PostRole
from grs.domain.tiers import OfficeLevel

POST_TITLES = {
    PostRole.GRIEVANCE_OFFICER: ("অভিযোগ নিষ্পত্তি কর্মকর্তা (অনিক)", "Grievance officer (GRO)"),
    PostRole.APPEAL_OFFICER: ("আপিল কর্মকর্তা", "Appeal officer"),
    PostRole.CELL_OFFICER: ("অভিযোগ ব্যবস্থাপনা সেল", "Grievance management cell"),
    PostRole.SUPERVISOR: ("তত্ত্বাবধায়ক", "Supervisor"),
    PostRole.COORDINATOR: ("সমন্বয়কারী", "Coordinator"),
    PostRole.OPERATOR: ("ফ্রন্ট ডেস্ক সহায়ক", "Front desk operator"),
    PostRole.RESPONSIBLE_OFFICER: ("দায়িত্বপ্রাপ্ত কর্মকর্তা", "Responsible officer"),
    PostRole.ADMINISTRATOR: ("ব্যবস্থার প্রশাসক", "Administrator"),
}

USUAL_GRADE = {
    OfficeLevel.UNION: 12,
    OfficeLevel.UPAZILA: 9,
    OfficeLevel.DISTRICT: 6,
    OfficeLevel.DIVISION: 5,
    OfficeLevel.DIRECTORATE: 3,
    OfficeLevel.MINISTRY: 2,
    OfficeLevel.CELL: 3,
}
"""The pay grade that a post at a level of offices usually has (ours); corrected where it is another."""


def post_for(session: Session, office: Office, role: PostRole) -> Post:
    """The office's post of that role, whatever its title; a new one where there is none."""
    posts = session.scalars(select(Post).where(Post.office_id == office.id, Post.role == role).order_by(Post.id))
    return posts.first() or post_in(session, office, role)


def post_in(session: Session, office: Office, role: PostRole, title: str | None = None) -> Post:
    """The office's post of that role and title, made when it is not there yet."""
    title_bn, title_en = POST_TITLES[role] if title is None else (title[:200], POST_TITLES[role][1])
    post = session.scalar(select(Post).where(Post.office_id == office.id, Post.role == role, Post.title_bn == title_bn))
    if post is None:
        grade = USUAL_GRADE[office.level]
        post = Post(office_id=office.id, role=role, title_bn=title_bn, title_en=title_en, grade=grade)
        session.add(post)
        session.flush()
    return post
