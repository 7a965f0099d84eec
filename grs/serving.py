"""The web server's command, as a trial and an installation start it."""

from __future__ import annotations

import os
import sys

from grs.settings import CONFIG, Settings


def web_command(settings: Settings, *, workers: int | None = None, threads: int | None = None) -> list[str]:
    """Gunicorn for these settings. SQLite is served by one process; elsewhere there are two for each core."""
    is_sqlite = settings.database_url.startswith("sqlite:")
    return [
        sys.executable, "-m", "gunicorn", "wsgi:app", "--config", str(CONFIG / "gunicorn.conf.py"),
        "--bind", f"{settings.host}:{settings.port}",
        "--workers", str(workers or (1 if is_sqlite else 2 * (os.cpu_count() or 1))),
        "--threads", str(threads or (8 if is_sqlite else 4)),
        "--log-level", "warning",
    ]  # fmt: skip
