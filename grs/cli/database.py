"""`grs history` and `grs db`: prove what was done, bring the schema up or down."""

from __future__ import annotations

import sys
from datetime import date

import click

from grs.cli.doors import open_checked_house


@click.group()
def history() -> None:
    """Prove what was done."""


@history.command("verify")
@click.argument("number", required=False)
@click.option("--root", "roots", multiple=True, metavar="DAY=ROOT", help="A seal's root that you kept (repeatable).")
def history_verify(number: str | None, roots: tuple[str, ...]) -> None:
    """Check the hash chain of one complaint, or all of them with the seals and the frozen months.

    Names the first bad step of each complaint, each seal that does not hold, each month whose figures were changed.
    """
    from sqlalchemy import func, select

    from grs.db.complaints import Complaint
    from grs.db.engine import at_one_instant
    from grs.usecases.annexes import verify_frozen
    from grs.usecases.histories import verify_all, verify_histories
    from grs.usecases.seals import latest_seal, verify_seals

    known, sealed = {}, False
    for one in roots:
        day, _, root = one.partition("=")
        try:
            known[date.fromisoformat(day)] = root.strip().lower()
        except ValueError:
            raise click.BadParameter(f"{one!r} is not like 2026-11-22=3f2a…", param_hint="--root") from None
    house = open_checked_house()
    with house.readers() as session:
        if number is not None:
            with house.readers(bind=at_one_instant(house.engine)) as at_once:
                result = verify_histories(at_once, number)
        else:
            total = session.scalar(select(func.count(Complaint.id)))
            with click.progressbar(length=total, label="complaints", file=sys.stderr) as bar:
                result = verify_all(house.settings.database_url, progress=bar.update)
            result.broken += verify_seals(session, known)
            sealed = latest_seal(session) is not None
            changed = verify_frozen(session)
            result.broken += [(f"annex of {month:%Y-%m}", "is not as it was frozen") for month in changed]
    house.close()
    for tracking_number, problem in result.broken:
        click.echo(f"{tracking_number}: {problem}")
    if number is None and not sealed:
        click.echo("there is no seal yet: that no history was cut short is not proved", err=True)
    click.echo(f"{result.steps} steps of {result.complaints} complaints checked, {len(result.broken)} broken")
    if result.broken:
        sys.exit(1)


@history.command("seals")
def history_seals() -> None:
    """Print the seals, oldest first, as they are published: day, complaints, root."""
    from grs.usecases.seals import seals

    house = open_checked_house()
    with house.readers() as session:
        for one in reversed(seals(session)):
            click.echo(f"{one.day} {one.complaints} {one.root}")
    house.close()


@click.group()
def db() -> None:
    """Bring the database's schema up or down, and compare it with the code."""


@db.command("upgrade")
@click.argument("revision", default="head")
def db_upgrade(revision: str) -> None:
    """Run the migrations up to REVISION (default: the newest)."""
    from grs.db import schema

    house = open_checked_house(checked=False)
    schema.upgrade(house.engine, revision)
    click.echo(f"the database is at {schema.current_revision(house.engine)}")
    house.close()


@db.command("downgrade")
@click.argument("revision")
def db_downgrade(revision: str) -> None:
    """Run the migrations back to REVISION (`base` for an empty database)."""
    from grs.db import schema

    house = open_checked_house(checked=False)
    schema.downgrade(house.engine, revision)
    click.echo(f"the database is at {schema.current_revision(house.engine) or 'base'}")
    house.close()


@db.command("recount")
def db_recount() -> None:
    """Write what offices report anew from the stays: after an upgrade beside which older processes wrote on."""
    from grs.usecases.invariants import count_complaints
    from grs.usecases.reported_cases import count_all_again

    house = open_checked_house()
    with house.writers.begin() as session:
        total = count_complaints(session)
        with click.progressbar(length=total, label="complaints", file=sys.stderr) as bar:
            count_all_again(session, progress=bar.update)
    house.close()
    click.echo(f"the cases of {total} complaints are counted again")


@db.command("check")
def db_check() -> None:
    """Exit 1 unless the migrated database equals the code's tables."""
    from grs.db import schema

    house = open_checked_house(checked=False)
    found = schema.differences(house.engine)
    house.close()
    for difference in found:
        click.echo(str(difference))
    click.echo("the database and the code agree" if not found else "the database and the code differ")
    if found:
        sys.exit(1)
