"""`grs backup` and `grs restore`: everything in one file, and back into an empty place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from grs.cli.doors import FILE, open_checked_house, stop


class _Progress:
    """One line a table on a terminal, growing; nothing but the last counts elsewhere."""

    def __init__(self) -> None:
        self.table, self.rows, self.total = "", 0, 0

    def __call__(self, table: str, rows: int) -> None:
        if table != self.table:
            self._show(end=True)
            self.table, self.rows = table, 0
        self.rows += rows
        self.total += rows
        if self.rows % 5_000 == 0:
            self._show()

    def _show(self, *, end: bool = False) -> None:
        if self.table:
            click.echo(f"\r{self.table:<24} {self.rows:>10} rows", nl=end, err=True)

    def close(self) -> None:
        self._show(end=True)


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write everything to a new FILE: complaints, attachments, histories, seals, accounts; not the secret key."""
    from grs.usecases.backups import write_backup

    house, progress = open_checked_house(), _Progress()
    facts = write_backup(house.engine, file, secret_key=house.settings.secret_key, now=house.clock(), progress=progress)
    progress.close()
    house.close()
    click.echo(f"{facts.rows} rows written to {file}; newest seal {facts.seal or 'none yet'}")


@click.command("restore")
@click.argument("file", type=FILE)
@click.option("--check", is_flag=True, help="Only read the file through and say whether it is whole.")
def restore(file: Path, check: bool) -> None:
    """Bring a backup into the empty database of the settings. Letters that were waiting are held, not sent."""
    from grs.usecases.backups import check_backup, key_mark, restore_backup
    from grs.usecases.histories import verify_histories
    from grs.usecases.seals import verify_seals

    progress = _Progress()
    if check:
        facts = check_backup(file, progress)
        progress.close()
        click.echo(f"whole: {facts.rows} rows as of {facts.made_at:%Y-%m-%d %H:%M}Z, seal {facts.seal or 'none yet'}")
        return
    house: Any = open_checked_house(checked=False)
    facts = restore_backup(house.engine, file, progress)
    progress.close()
    with house.readers() as session:
        broken = [*verify_histories(session).broken, *verify_seals(session)]
    same_key = facts.key_mark == key_mark(house.settings.secret_key)
    house.close()
    click.echo(f"{facts.rows} rows restored, as of {facts.made_at:%Y-%m-%d %H:%M}Z")
    click.echo("letters that were waiting then are held: see Letters in the administration, or `grs letters held`")
    if not same_key:
        click.echo("the secret key is another one: links and access codes given out before do not work", err=True)
    if broken:
        for what, why in broken:
            click.echo(f"{what}: {why}")
        stop(f"{len(broken)} histories or seals do not hold")
