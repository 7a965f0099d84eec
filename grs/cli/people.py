"""`grs people`: the first administrator, invitations, who sits on which post."""

from __future__ import annotations

from datetime import datetime

import click

from grs.cli.doors import DAY, open_checked_house
from grs.domain.access import PostRole


@click.group()
def people() -> None:
    """Who can log in, and on which posts they sit."""


@people.command("administrator")
@click.argument("email")
@click.option("--name", required=True, help="the person's name")
@click.option("--office", "slug", required=True, help="the office whose administrator it is, by its slug")
def administrator(email: str, name: str, slug: str) -> None:
    """Make the administrator of an office and print the link with which they set their password.

    A fresh installation has no account: this is how the first one comes to be.
    """
    _invite(email, name, slug, PostRole.ADMINISTRATOR, None, None)


@people.command("invite")
@click.argument("email")
@click.option("--name", required=True, help="the person's name")
@click.option("--office", "slug", required=True, help="the office of the post, by its slug")
@click.option("--role", type=click.Choice([str(role) for role in PostRole]), required=True, help="what the post is for")
@click.option("--from", "held_from", type=DAY, help="first day on the post (default: today)")
@click.option("--to", "held_to", type=DAY, help="last day on the post (default: open)")
def invite(email: str, name: str, slug: str, role: str, held_from: datetime | None, held_to: datetime | None) -> None:
    """Put a person on an office's post and send them a link to set their password.

    Who has an account already only gets the post.
    """
    _invite(email, name, slug, PostRole(role), held_from, held_to)


def _invite(
    email: str, name: str, slug: str, role: PostRole, held_from: datetime | None, held_to: datetime | None
) -> None:
    from grs.domain.calendar import dhaka_date
    from grs.usecases.account_links import invite_person, link_address
    from grs.usecases.accounts import appoint, person_by_email
    from grs.usecases.offices import find_office
    from grs.usecases.posts import post_for

    house = open_checked_house()
    now = house.clock()
    with house.writers.begin() as session:
        post = post_for(session, find_office(session, slug), role)
        person = person_by_email(session, email)
        link = None
        if person is None or not person.has_password:
            link = invite_person(session, email=email, name=name, now=now)
            person = link.person
        appoint(
            session,
            person.id,
            post,
            held_from=held_from.date() if held_from else dhaka_date(now),
            held_to=held_to.date() if held_to else None,
        )
        told = f"{person.email} sits on {post.title_en}, {post.office.name_en}"
        address = link_address(link, house.settings) if link is not None else None
    house.close()
    click.echo(told)
    if address is not None:
        click.echo(f"the password is set here, once, within three days: {address}")


@people.command("list")
@click.option("--office", "slug", help="only this office, by its slug")
def listing(slug: str | None) -> None:
    """Who sits on which post today."""
    from grs.domain.calendar import dhaka_date
    from grs.usecases.offices import find_office
    from grs.usecases.people import everybody_on_posts

    house = open_checked_house()
    with house.readers() as session:
        office_id = find_office(session, slug).id if slug else None
        for one in everybody_on_posts(session, dhaka_date(house.clock()), office_id=office_id):
            click.echo(f"{one.post.office.slug:<24} {one.post.role:<20} {one.email:<40} {one.name}")
    house.close()
