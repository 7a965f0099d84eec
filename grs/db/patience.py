"""PostgreSQL connections that never wait for ever, and that find the one server that may be written to.

A commit that waits for a standby which is gone waits without end, and no server setting ends it safely: a cancelled
wait reports success (SQLSTATE 01000). So the client lets go of the connection: what became of the transaction is then
unknown, which is what the person is told.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg import conninfo, errors
from psycopg.abc import PQGen

log = logging.getLogger(__name__)

CONNECT_SECONDS = 3
_TIMELINE = (
    "SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery() THEN '0'"
    " ELSE substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END"
)
"""The first eight hexadecimal digits of a segment's name are the timeline; every promotion begins the next."""
WAITING_FOR_STANDBY = (
    "SELECT count(*) FROM pg_stat_activity WHERE usename = current_user AND datname = current_database()"
    " AND wait_event = 'SyncRep' AND state_change < now() - interval '2 seconds'"
)


class OutOfPatience(psycopg.OperationalError):
    """The server did not answer in time; whether it did what was asked is not known."""


class PatientConnection(psycopg.Connection[Any]):
    """A connection whose every call ends within ``patience`` seconds, or closes it."""

    patience: float | None = None

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, timeout or self.patience)
        except errors._WaitTimeout:
            self.pgconn.finish()  # never a cancel: a cancelled commit says that it was done
            raise OutOfPatience("the database did not answer in time") from None


class Gate:
    """Closed after a commit that nobody confirmed, until no session of ours waits for a standby any more.

    While the standby is away each attempt would leave a session behind that waits; soon there would be none left
    for those who only read.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed_at: float | None = None

    def close(self) -> None:
        with self._lock:
            self._closed_at = time.monotonic()
        log.error("the database does not confirm what is written; is its standby away?")

    def check(self, waiting: Callable[[], int]) -> None:
        """Raise OutOfPatience while the gate is closed; ``waiting`` counts the sessions that wait for a standby."""
        if self._closed_at is None:
            return
        if waiting():
            raise OutOfPatience("the database's standby is away: nothing is taken now")
        with self._lock:
            self._closed_at = None
        log.warning("the database confirms what is written again")

    @property
    def is_closed(self) -> bool:
        return self._closed_at is not None


class Connector:
    """Opens connections to the primary among the hosts of a URL: the one on the newest timeline.

    After a failover the old primary may come back and still believe that it is one; its timeline is older, so it
    is never written to while the promoted one, or anybody who saw it, is there.
    """

    def __init__(self, patience: float | None) -> None:
        self.patience = patience
        self._newest = 0

    def __call__(self, arguments: Sequence[Any], keywords: dict[str, Any]) -> psycopg.Connection[Any]:
        hosts = _hosts(*arguments, **keywords)
        if len(hosts) == 1:
            return _open(hosts[0], self.patience)
        found: list[tuple[int, psycopg.Connection[Any]]] = []
        failure: Exception | None = None
        for host in hosts:
            try:
                connection = _open(host, self.patience)
            except psycopg.OperationalError as error:
                failure = error
                continue
            try:
                is_standby, timeline = _timeline(connection)
            except psycopg.OperationalError as error:
                connection.close()
                failure = error
                continue
            if is_standby:
                connection.close()
            else:
                found.append((timeline, connection))
        found.sort(key=lambda one: one[0])
        for _, connection in found[:-1]:
            connection.close()
        if not found:
            raise failure or psycopg.OperationalError("none of the database's hosts takes writes")
        timeline, chosen = found[-1]
        if timeline < self._newest:
            chosen.close()
            raise psycopg.OperationalError("the host that answers is a primary of before the failover")
        self._newest = timeline
        return chosen


class StandbyConnector:
    """Opens connections to the first standby among the hosts of a URL that follows its primary."""

    def __init__(self, patience: float | None) -> None:
        self.patience = patience

    def __call__(self, arguments: Sequence[Any], keywords: dict[str, Any]) -> psycopg.Connection[Any] | None:
        """None where no standby answers, or each is behind by more than a minute."""
        for host in _hosts(*arguments, **keywords):
            try:
                connection = _open(host, self.patience)
            except psycopg.OperationalError as error:
                log.warning("a standby for reports is away: %s", type(error).__name__)
                continue
            if _follows(connection):
                return connection
            connection.close()
            log.warning("a standby for reports does not follow its primary")
        return None


def _follows(connection: psycopg.Connection[Any]) -> bool:
    try:
        row = connection.execute(_FOLLOWS).fetchone()
        connection.rollback()
    except psycopg.OperationalError:
        return False
    return row is not None and bool(row[0])


_FOLLOWS = (
    "SELECT pg_is_in_recovery() AND EXISTS (SELECT FROM pg_stat_wal_receiver)"
    " AND (pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()"
    " OR pg_last_xact_replay_timestamp() > now() - interval '1 minute')"
)


def _open(keywords: dict[str, Any], patience: float | None) -> psycopg.Connection[Any]:
    if patience is not None:
        # A line that died on the way leaves a session there with its locks; the server lets go of it too.
        limit = f"-c idle_in_transaction_session_timeout={int(patience * 2_000)}"
        keywords = keywords | {"options": f"{keywords.get('options') or ''} {limit}".strip()}
    connection = PatientConnection.connect(**keywords)
    connection.patience = patience
    return connection


def _timeline(connection: psycopg.Connection[Any]) -> tuple[bool, int]:
    row = connection.execute(_TIMELINE).fetchone()
    connection.rollback()
    assert row is not None
    return bool(row[0]), int(row[1], 16)


def _hosts(*arguments: Any, **keywords: Any) -> list[dict[str, Any]]:
    """The arguments of a connection for each host of a URL that names several."""
    given = conninfo.conninfo_to_dict(*arguments, **keywords)
    given.setdefault("connect_timeout", CONNECT_SECONDS)
    hosts = str(given.get("host") or "").split(",")
    ports = str(given.get("port") or "").split(",")
    if len(hosts) == 1:
        return [given]
    given.pop("target_session_attrs", None)
    ports = ports * len(hosts) if len(ports) == 1 else ports
    return [given | {"host": host, "port": port} for host, port in zip(hosts, ports, strict=True)]


def sessions_waiting(connection: psycopg.Connection[Any]) -> int:
    """How many of our own sessions wait for a standby; PostgreSQL shows a role its own sessions."""
    row = connection.execute(WAITING_FOR_STANDBY).fetchone()
    connection.rollback()
    return int(row[0]) if row else 0
