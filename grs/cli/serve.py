"""`grs serve` for production, `grs settings` and `grs doctor` for who installs it."""

from __future__ import annotations

import os
import sys

import click


@click.command("serve")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes; by default two for each core.")
@click.option("--threads", type=click.IntRange(1, 32), help="Threads of each process; by default four.")
def serve(workers: int | None, threads: int | None) -> None:
    """Run the web server in the foreground, with the settings of the environment.

    The jobs run beside it: `python -m workers`, on any machine and any number of times.
    """
    from grs.serving import web_command
    from grs.settings import ROOT, read_settings

    settings = read_settings()
    _ = settings.checked_secret  # says so where it is missing
    command = web_command(settings, workers=workers, threads=threads)
    os.chdir(ROOT)
    os.execv(command[0], command)  # noqa: S606 - our own program takes this one's place


@click.command("settings")
def settings() -> None:
    """Every setting with its meaning and default, as an environment file to fill in."""
    from grs.settings import environment_file

    click.echo(environment_file(), nl=False)


@click.command("doctor")
def doctor() -> None:
    """Look an installation over and say in plain words what is wrong; exit 1 where something must be mended.

    Changes nothing, sends no letter. Run it on each machine, with the settings of the service.
    """
    from grs.doctor import State, examine

    worst = 0
    for finding in examine():
        mark = {State.FINE: "ok   ", State.DOUBTFUL: "?    ", State.WRONG: "WRONG"}[finding.state]
        click.echo(f"{mark} {finding.what}: {finding.told}")
        worst += finding.state is State.WRONG
    sys.exit(1 if worst else 0)
