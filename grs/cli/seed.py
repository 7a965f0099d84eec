"""`grs seed`: many invented complaints for trials, benchmarks and load."""

from __future__ import annotations

import sys
import time

import click

from grs.cli.doors import open_checked_house, stop


@click.command("seed")
@click.option("--complaints", required=True, type=click.IntRange(1, 100_000_000), help="How many.")
@click.option("--overdue", default=0, type=click.IntRange(0), help="So many of them wait for the next sweep.")
@click.option("--offices", default=0, type=click.IntRange(0), help="Invent offices until so many have a charter.")
@click.option("--months", default=12, type=click.IntRange(1, 36), help="Over how many months, until today (12).")
@click.option("--seed", "chance", default=1, help="Another number gives others.")
def seed(complaints: int, overdue: int, offices: int, months: int, chance: int) -> None:
    """Fill a trial installation without complaints with some that could have happened, with whole histories.

    Makes the schema, the rules and the invented officers where they are missing. A few offices get most.
    """
    from grs.db import schema
    from grs.usecases.demo import fill_posts, prepare_rules
    from grs.usecases.seeding import CODE
    from grs.usecases.seeding import seed as fill

    house = open_checked_house(checked=False)
    if not house.settings.is_trial:
        stop("this installation sends letters to real people; only a trial is seeded")
    schema.upgrade(house.engine)
    now = house.clock()
    with house.writers.begin() as session:
        prepare_rules(session, now=now)
        logins = fill_posts(session, now=now)
    began = time.monotonic()
    with click.progressbar(length=complaints, label="complaints", file=sys.stderr) as bar:
        known = 0

        def show(done: int) -> None:
            nonlocal known
            bar.update(done - known)
            known = done

        fill(
            house.engine, house.writers, shelf=house.shelf, now=now, complaints=complaints, overdue=overdue,
            offices=offices, months=months, seed=chance, progress=show,
        )  # fmt: skip
    house.close()
    took = time.monotonic() - began
    click.echo(f"{complaints} complaints in {took:.1f} s ({complaints / took:.0f} a second); the code of each: {CODE}")
    for login in logins:
        click.echo(f"{login.email}  {login.password}")
