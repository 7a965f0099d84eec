"""`python -m workers`: the timetable; `--once JOB`: one job now."""

from __future__ import annotations

import argparse
import json
import sys

from sqlalchemy.exc import SQLAlchemyError

from grs.bootstrap import WORKER_PATIENCE, NotReady, open_house, wait_until_ready
from grs.logs import configure_logging
from grs.settings import SettingsError
from workers import jobs
from workers.scheduler import run_forever


def main() -> int:
    """Exit status: 0 done, 1 failed, 2 bad usage or settings."""
    parser = argparse.ArgumentParser(prog="python -m workers", description="Runs the jobs on their timetable.")
    parser.add_argument("--once", choices=sorted(jobs.JOBS), metavar="JOB", help="run one job now: %(choices)s")
    parser.add_argument("--dry-run", action="store_true", help="with --once: say what would be done, write nothing")
    options = parser.parse_args()
    if options.dry_run and not options.once:
        parser.error("--dry-run goes with --once")
    configure_logging()
    try:
        house = open_house(patience=WORKER_PATIENCE)
        configure_logging(form=house.settings.log_format)
        wait_until_ready(house)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except NotReady as error:
        print(f"grs: {error}", file=sys.stderr)
        return 1
    if options.once is None:
        run_forever(house)
        return 0
    try:
        counts = jobs.run(house, options.once, dry_run=options.dry_run)
    except SQLAlchemyError as error:
        print(f"the database refused: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    finally:
        house.close()
    print(json.dumps(dict(counts), sort_keys=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
