"""A trial installation in one command: set up what is missing, then web server and worker side by side."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from types import FrameType

from sqlalchemy import select

from grs.bootstrap import House, open_house
from grs.db import schema
from grs.db.offices import Person
from grs.serving import web_command
from grs.settings import ROOT, Settings, read_settings
from grs.usecases.demo import Login, fill_posts, prepare_rules

VAR = ROOT / "var"
STOP_SECONDS = 20
POLL_SECONDS = 0.5


def run_trial() -> str | None:
    """Run until Ctrl-C. Returns a plain sentence when it cannot start or a part of it dies."""
    problem = _prepare_folder()
    if problem:
        return problem
    environment = {"GRS_SECOND_FACTOR": "optional"} | os.environ
    environment |= {"GRS_SECRET_KEY": os.environ.get("GRS_SECRET_KEY") or _secret_key()}
    settings = read_settings(environment)
    if not _is_free(settings):
        return f"port {settings.port} on {settings.host} is in use; stop what uses it or set GRS_PORT"
    house = open_house(settings)
    logins = _set_up(house)
    house.close()
    _say(settings, logins)
    return _serve(settings, environment)


def _prepare_folder() -> str | None:
    try:
        VAR.mkdir(exist_ok=True)
        probe = VAR / ".probe"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        return f"the folder {VAR} cannot be written to ({error.strerror})"
    return None


def _secret_key() -> str:
    """The trial's own secret, made once; readable by its owner alone."""
    file = VAR / "secret_key"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(48))
    return file.read_text().strip()


def _is_free(settings: Settings) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError:
            return False
    return True


def _set_up(house: House) -> list[Login]:
    """Migrate; in an empty database the calendar, offices, charters and invented officers too."""
    if schema.current_revision(house.engine) != schema.newest_revision():
        print("Preparing the database …", flush=True)
        schema.upgrade(house.engine)
    with house.writers.begin() as session:
        if session.scalar(select(Person.id).limit(1)) is not None:
            return []
        print("Reading the gazette calendar and the charters …", flush=True)
        now = house.clock()
        prepare_rules(session, now=now)
        return fill_posts(session, now=now)


def _say(settings: Settings, logins: list[Login]) -> None:
    if logins:
        print("\nInvented officers for this trial. Their passwords are shown this once:\n")
        for login in logins:
            print(f"  {login.role:<18} {login.office:<24} {login.email:<48} {login.password}")
    print(f"\nCitizens:  {settings.base_url}/")
    print(f"Officers:  {settings.base_url}/login  (log in with an address and password shown at the first start)")
    if settings.is_trial:
        print(f"Trial mode: letters are written to {settings.mail_folder}, none is sent.")
    print("Stop with Ctrl-C.\n", flush=True)


def _serve(settings: Settings, environment: dict[str, str]) -> str | None:
    is_sqlite = settings.database_url.startswith("sqlite:")
    web = web_command(settings, workers=1 if is_sqlite else 2)
    worker = [sys.executable, "-m", "workers"]
    signal.signal(signal.SIGTERM, _interrupt)
    parts = {
        name: subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
        for name, command in (("web server", web), ("worker", worker))
    }
    try:
        while True:
            for name, part in parts.items():
                if part.poll() is not None:
                    return f"the {name} has stopped (exit status {part.returncode})"
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        print("\nStopping …", flush=True)
        return None
    finally:
        _stop(list(parts.values()))


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _stop(parts: list[subprocess.Popen[bytes]]) -> None:
    """Ask each part to end its work and stop; insist after a while."""
    for part in parts:
        if part.poll() is None:
            part.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for part in parts:
        try:
            part.wait(timeout=max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            part.kill()
