"""`grs forms`: paper forms keyed in from a spreadsheet."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from grs.cli.doors import FILE, open_checked_house
from grs.domain.calendar import dhaka_date


@click.group()
def forms() -> None:
    """Key in paper forms in bulk."""


@forms.command("sheet")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
def forms_sheet(file: Path) -> None:
    """Write an empty XLSX sheet, with the words that its columns take, to FILE."""
    from grs.usecases.paper_forms import sample_sheet

    house = open_checked_house()
    with house.readers() as session:
        data = sample_sheet(session)
    house.close()
    file.write_bytes(data)
    click.echo(f"{file} is ready to be filled in")


@forms.command("import")
@click.argument("file", type=FILE)
@click.option("--operator", required=True, metavar="EMAIL", help="Who keys them in; must hold an operator's post.")
@click.option("--dry-run", is_flag=True, help="Judge every row and write nothing.")
def forms_import(file: Path, operator: str, dry_run: bool) -> None:
    """File each row of XLSX FILE once, by its form number; refused rows are listed and stop nothing."""
    from grs.usecases.accounts import operator_by_email
    from grs.usecases.paper_forms import import_forms, read_forms

    house = open_checked_house()
    rows = read_forms(file.read_bytes())
    now = house.clock()
    with house.readers() as session:
        operator_id, office_id = operator_by_email(session, operator, dhaka_date(now))
    with click.progressbar(length=len(rows), label="filing", file=sys.stderr) as bar:
        results = import_forms(
            house.writers,
            rows,
            operator_id=operator_id,
            office_id=office_id,
            shelf=house.shelf,
            now=now,
            secret_key=house.settings.checked_secret,
            cutoff=house.settings.cutoff,
            dry_run=dry_run,
            after_row=lambda _done: bar.update(1),
        )
    house.close()
    for result in results:
        told = "; ".join(f"{field}: {reason}" for field, reason in result.problems.items())
        click.echo("\t".join((str(result.number), result.form_number, result.state, result.tracking_number or told)))
    counts = {state: sum(one.state == state for one in results) for state in ("filed", "known", "refused")}
    would = "would be " if dry_run else ""
    click.echo(f"{would}filed {counts['filed']}, known {counts['known']}, refused {counts['refused']}", err=True)
    if counts["refused"]:
        sys.exit(1)
