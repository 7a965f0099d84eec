"""What the commands share: files and days as arguments, the house behind them, one sentence when they stop."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from grs.domain.calendar import YEARS

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Day(click.DateTime):
    """A date within the years that calendars are kept for."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        day: datetime = super().convert(value, param, ctx)
        if day.year not in YEARS:
            self.fail(f"the year of {value} is not between {YEARS[0]} and {YEARS[-1]}", param, ctx)
        return day


DAY = _Day(["%Y-%m-%d"])


def stop(sentence: str, *, status: int = 1) -> None:
    """End the command with a sentence."""
    click.echo(f"grs: {sentence}", err=True)
    sys.exit(status)


def open_checked_house(*, checked: bool = True) -> Any:
    """The product, on a database that is up to date."""
    from grs.bootstrap import open_house
    from grs.db import schema
    from grs.settings import read_settings

    settings = read_settings()
    if settings.database_url.startswith("sqlite:///"):
        Path(settings.database_url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    house = open_house(settings)
    if not checked:
        return house
    state = schema.state_of(house.engine)
    if state is not schema.State.CURRENT:
        house.close()
        is_newer = state is schema.State.NEWER
        stop(
            "the database is newer than this release"
            if is_newer
            else "the database is not up to date; run `grs db upgrade` first"
        )
    return house
