"""`grs offices`: thousands of offices from a CSV file."""

from __future__ import annotations

from pathlib import Path

import click

from grs.cli.doors import FILE, open_checked_house


@click.group()
def offices() -> None:
    """Keep the offices."""


@offices.command("import")
@click.argument("file", type=FILE)
@click.option("--dry-run", is_flag=True, help="Say what would be added, and add nothing.")
def offices_import(file: Path, dry_run: bool) -> None:
    """Add the offices of a CSV file that are not there yet; parents may stand anywhere in it.

    Columns: slug, name_bn, name_en, level, upazila_en, district_en, website, parent (a slug).
    """
    from grs.usecases.offices import import_offices, read_offices

    rows = read_offices(file.read_bytes())
    house = open_checked_house()
    with house.writers() as session, click.progressbar(length=len(rows), label="offices", file=None) as bar:
        done = 0

        def show(count: int) -> None:
            nonlocal done
            bar.update(count - done)
            done = count

        counts = import_offices(session, rows, after_batch=show)
        bar.update(len(rows) - done)
        if dry_run:
            session.rollback()
        else:
            session.commit()
    house.close()
    click.echo(f"{counts['added']} offices {'would be ' if dry_run else ''}added, {counts['known']} there already")
