"""`grs letters`: what could not be delivered, and trying it again."""

from __future__ import annotations

import click

from grs.cli.doors import open_checked_house


@click.group()
def letters() -> None:
    """See the letters that were given up, and queue them again."""


@letters.command("dead")
def letters_dead() -> None:
    """List the letters given up after the last try; addresses are not shown."""
    from grs.usecases.delivery import dead_letters

    house = open_checked_house()
    with house.readers() as session:
        found = dead_letters(session)
    house.close()
    for message in found:
        click.echo(
            f"{message.id}\t{message.letter}\t{message.channel}\t{message.tries} tries\t{_cause(message.last_error)}"
        )
    click.echo(f"{len(found)} letters given up", err=True)


@letters.command("retry")
@click.argument("number", type=int)
def letters_retry(number: int) -> None:
    """Queue dead letter NUMBER again."""
    from grs.usecases.delivery import retry_letter

    house = open_checked_house()
    with house.writers.begin() as session:
        retry_letter(session, number, now=house.clock())
    house.close()
    click.echo(f"letter {number} is queued again")


def _cause(error: str | None) -> str:
    """The kind of failure; the rest of it may name the person."""
    return (error or "").split(":")[0]


@letters.command("held")
@click.option("--send", is_flag=True, help="Queue them all: whoever got one before the backup was made gets it again.")
@click.option("--give-up", "drop", is_flag=True, help="Never send them.")
def letters_held(send: bool, drop: bool) -> None:
    """Count the letters that a restore has held, and decide on them."""
    from grs.usecases.delivery import decide_held

    if send and drop:
        raise click.UsageError("either --send or --give-up")
    house = open_checked_house()
    with house.writers.begin() as session:
        count = decide_held(session, send=send, give_up=drop, now=house.clock())
    house.close()
    click.echo(f"{count} letters {'queued' if send else 'given up' if drop else 'held'}")
