"""`grs charter`: read charter documents and put them in force."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click
from sqlalchemy.orm import Session

from grs.cli.doors import DAY, FILE, open_checked_house, stop


@click.group()
def charter() -> None:
    """Read charter documents and put them in force."""


@charter.command("read")
@click.argument("file", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print everything the document says, as JSON.")
def charter_read(file: Path, as_json: bool) -> None:
    """Print what a charter document says; stores nothing."""
    from grs.charter import read_document
    from grs.words import word

    document = read_document(file.read_bytes(), name=file.name)
    for doubt in document.doubts:
        click.echo(f"{file.name}: line {doubt.line}: {word('doubt', doubt.code, 'en')}", err=True)
    if as_json:
        click.echo(json.dumps(document.as_json(), ensure_ascii=False, indent=1))
        return
    click.echo(f"{document.office.name_bn or 'an unnamed office'} (dated {document.dated or 'nowhere'})")
    for service in document.services:
        serial = service.serial or "-"
        click.echo(f"  {service.category} {serial}: {service.name} [{service.time_limit_text or 'no time'}]")
    for tier in document.grievance_tiers:
        limit = f"{tier.limit.amount} {tier.limit.unit}" if tier.limit else "no limit"
        click.echo(f"  tier {tier.tier}: {tier.contact.designation or tier.officer_role} [{limit}]")


@charter.command("import")
@click.argument("file", type=FILE)
@click.option("--office", metavar="SLUG", help="The office; found by what the document says where left out.")
@click.option("--in-force-from", type=DAY, help="First day of the new version (default: today).")
@click.option("--dry-run", is_flag=True, help="Say what would be stored, and store nothing.")
def charter_import(file: Path, office: str | None, in_force_from: datetime | None, dry_run: bool) -> None:
    """Store a charter document as the next version of its office's charter."""
    from grs.domain.calendar import dhaka_date
    from grs.usecases.chains import chain_in_force
    from grs.usecases.charters import import_charter

    house = open_checked_house()
    now = house.clock()
    with house.writers() as session:
        if office is None:
            _name_the_office(session, file)
        stored = import_charter(
            session,
            file.read_bytes(),
            source=file.name,
            office=office,
            in_force_from=in_force_from.date() if in_force_from else dhaka_date(now),
            now=now,
        )
        chain = chain_in_force(session, stored.office, stored.in_force_from)
        click.echo(
            f"{stored.office.slug}: version {stored.version} with {len(stored.entries)} services, "
            f"in force from {stored.in_force_from}; chain from the {chain.source}"
            + (", which deviates from the guideline" if chain.deviates else "")
        )
        if dry_run:
            click.echo("dry run: nothing stored")
        else:
            session.commit()
    house.close()


def _name_the_office(session: Session, file: Path) -> None:
    """Stop with a hint when the document does not say which known office it is of."""
    from grs.charter import read_document
    from grs.domain.errors import NotFound
    from grs.usecases.offices import office_of

    try:
        office_of(session, read_document(file.read_bytes(), name=file.name))
    except NotFound as error:
        stop(f"{error.name} is no office known here; name it with --office SLUG (config/offices.csv lists them)")
