"""`grs`: the same use cases from a terminal. Exit status 0 done, 1 failed, 2 bad usage."""

from __future__ import annotations

import logging
import sys
from typing import Any

import click

from grs.cli.backups import backup, restore
from grs.cli.calendars import calendar
from grs.cli.charters import charter
from grs.cli.database import db, history
from grs.cli.doors import open_checked_house, stop
from grs.cli.forms import forms
from grs.cli.letters import letters
from grs.cli.offices import offices
from grs.cli.people import people
from grs.cli.seed import seed, simulate
from grs.cli.serve import doctor, serve, settings
from grs.domain.errors import GrievanceError, InvalidInput
from grs.logs import configure_logging
from grs.settings import SettingsError
from grs.words import word


class _Tidy(click.Group):
    """Every refusal is one sentence, whichever command it comes from."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            return super().main(*args, **kwargs)
        except SettingsError as error:
            stop(str(error), status=2)
        except InvalidInput as error:
            stop("; ".join(f"{field}: {_in_words(reason)}" for field, reason in error.problems.items()))
        except GrievanceError as error:
            stop(str(error))
        except SQLAlchemyError as error:
            stop(f"the database refused: {str(getattr(error, 'orig', error)).splitlines()[0]}")
        except OSError as error:
            stop(f"{error.filename or 'file'}: {error.strerror or error}")


def _in_words(reason: str) -> str:
    """A reason as the pages say it in English; a code without words as it is."""
    try:
        return word("problem", reason, "en")
    except KeyError:
        return reason


@click.group(cls=_Tidy, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Grievance redress against citizens' charters."""
    configure_logging(logging.WARNING)


for _group in (charter, calendar, offices, forms, letters, people, history, db, backup, restore, seed):
    main.add_command(_group)
for _command in (simulate, serve, settings, doctor):
    main.add_command(_command)


@main.command("setup")
def setup() -> None:
    """Make a new installation ready: the schema, the gazette calendar, the shipped offices and charters.

    Makes no account; `grs people administrator` makes the first one. Run again, it adds what is missing.
    """
    from grs.db import schema
    from grs.usecases.demo import prepare_rules

    house = open_checked_house(checked=False)
    schema.upgrade(house.engine)
    click.echo("reading the gazette calendar, the offices and the charters …")
    with house.writers.begin() as session:
        prepare_rules(session, now=house.clock())
    house.close()
    click.echo("ready; next: grs people administrator EMAIL --name NAME --office OFFICE")


@main.command("check")
def check() -> None:
    """Hold every complaint, letter and file against what must be true of it; exit 1 and name what is not.

    Reads everything and changes nothing; may run while people work.
    """
    from grs.db.engine import at_one_instant
    from grs.usecases.invariants import check_invariants, count_complaints

    house = open_checked_house()
    with house.readers(bind=at_one_instant(house.engine)) as session:
        total = count_complaints(session)
        with click.progressbar(length=total, label="complaints", file=sys.stderr) as bar:
            broken = check_invariants(
                session,
                shelf=house.shelf,
                cutoff=house.settings.cutoff,
                store=house.files,
                progress=lambda done: bar.update(done),
            )
    house.close()
    for what, problem in broken:
        click.echo(f"{what}: {problem}")
    click.echo(f"{total} complaints checked with their histories, letters and files, {len(broken)} broken")
    if broken:
        sys.exit(1)


@main.command("run")
def run() -> None:
    """Set up a trial installation where there is none, and run the web server and one worker."""
    from grs.trial import run_trial

    problem = run_trial()
    if problem:
        stop(problem)
