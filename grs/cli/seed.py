"""`grs seed`: many invented complaints for trials, benchmarks and load."""

from __future__ import annotations

import sys
import time

import click

from grs.cli.doors import open_checked_house, stop


@click.command("simulate")
@click.option("--months", default=12, type=click.IntRange(1, 18), help="Over how many months, until today (12).")
@click.option("--complaints", default=2_000, type=click.IntRange(1, 20_000), help="How many are filed (2000).")
@click.option("--seed", "chance", default=1, help="Another number tells another year.")
def simulate(months: int, complaints: int, chance: int) -> None:
    """Live through a year at the offices of a trial: people file, officers work, time runs out, days are sealed.

    Into a trial without complaints. Makes the schema, the rules and the invented officers where they are missing.
    Afterwards every page has something to see. No letter leaves.
    """
    from datetime import timedelta

    from sqlalchemy import select

    from grs.db import schema
    from grs.db.complaints import Complaint
    from grs.simulation import days_of
    from grs.simulation import simulate as live
    from grs.usecases.demo import fill_posts, prepare_rules

    house = open_checked_house(checked=False)
    if not house.settings.is_trial:
        stop("this installation sends letters to real people; only a trial is simulated")
    _ = house.settings.checked_secret
    schema.upgrade(house.engine)
    days = days_of(months)
    began = house.clock() - timedelta(days=days + 1)
    with house.writers.begin() as session:
        if session.scalar(select(Complaint.id).limit(1)) is not None:
            stop(
                "there are complaints already; simulate into an empty trial, such as GRS_DATABASE_URL=sqlite:///var/year.db"
            )
        prepare_rules(session, now=began)
        logins = fill_posts(session, now=began)
    start = time.monotonic()
    with click.progressbar(length=days, label="days", file=sys.stderr) as bar:
        counts = live(house, complaints=complaints, months=months, seed=chance, progress=bar.update)
    house.close()
    took = time.monotonic() - start
    filed, refused = counts["file_complaint"], counts["refused"]
    click.echo(f"{filed} complaints in {took:.0f} s; {refused} acts were refused by the rules")
    for login in logins:
        click.echo(f"{login.email}  {login.password}")


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
