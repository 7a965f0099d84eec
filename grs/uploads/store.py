"""Where the bytes of many files lie outside the database: a folder that all machines share, or an S3 bucket."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

FOLDER, BUCKET = "file", "s3"
TIMEOUT, TRIES = "6s", 1
"""Of one request: two of them end before the proxy gives up on the person who asked."""
LEFT_ALONE_SECONDS = 20.0


class StoreAway(Exception):
    """The store does not answer, or not as it should; says why in a word."""


class FileStore(Protocol):
    """Keeps bytes under a path; what was put there is on a disk when ``put`` returns. Raises StoreAway."""

    def put(self, path: str, content: bytes) -> None: ...

    def get(self, path: str) -> bytes | None:
        """The bytes, or None where there are none."""
        ...

    def delete(self, path: str) -> None:
        """What is gone already is no error."""
        ...


MARK = ".grs-files"
"""A file in the folder that says that it is the one: a share that is not mounted is an empty folder."""


class FolderStore:
    """Files of a folder: whole or not there, and on the disk before anybody is told so.

    The group of the folder may read them: the site's processes run as another user than the jobs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, path: str, content: bytes) -> None:
        whole = self._there(path)
        half = whole.with_name(f"{whole.name}.{secrets.token_hex(4)}.part")
        try:
            if not whole.parent.is_dir():
                whole.parent.mkdir(parents=True, exist_ok=True)
                whole.parent.chmod(0o2750)
            self._forget_halves(whole)
            with half.open("xb") as out:
                os.fchmod(out.fileno(), 0o640)
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            half.replace(whole)
            for folder in (whole.parent, self._folder):
                _sync_folder(folder)
        except OSError as error:
            with suppress(OSError):
                half.unlink(missing_ok=True)
            raise StoreAway(type(error).__name__) from error

    def get(self, path: str) -> bytes | None:
        try:
            return self._there(path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreAway(type(error).__name__) from error

    def delete(self, path: str) -> None:
        whole = self._there(path)
        try:
            self._forget_halves(whole)
            whole.unlink(missing_ok=True)
        except OSError as error:
            raise StoreAway(type(error).__name__) from error

    def _there(self, path: str) -> Path:
        try:
            is_there = (self._folder / MARK).is_file()
        except OSError as error:
            raise StoreAway(type(error).__name__) from error
        if not is_there:
            raise StoreAway(f"the folder has no {MARK}: is it mounted?")
        return self._folder / path

    @staticmethod
    def _forget_halves(whole: Path) -> None:
        """What a process that was killed in its writing has left."""
        for left in whole.parent.glob(f"{whole.name}.*.part"):
            left.unlink(missing_ok=True)


class BucketStore:
    """Objects of an S3-compatible bucket. Endpoint and keys are those of AWS's own variables (``AWS_…``)."""

    def __init__(self, url: str) -> None:
        from obstore.store import S3Store

        is_plain = os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true"
        self._silent_until = 0.0
        self._store: Any = S3Store.from_url(
            url,
            client_options={"timeout": TIMEOUT, "connect_timeout": "3s", "allow_http": is_plain},
            retry_config={"max_retries": TRIES},
        )

    def put(self, path: str, content: bytes) -> None:
        import obstore

        self._ask(lambda: obstore.put(self._store, path, content))

    def get(self, path: str) -> bytes | None:
        import obstore

        try:
            return bytes(self._ask(lambda: obstore.get(self._store, path).bytes()))
        except FileNotFoundError:
            return None

    def delete(self, path: str) -> None:
        import obstore

        with suppress(FileNotFoundError):
            self._ask(lambda: obstore.delete(self._store, path))

    def _ask(self, what: Any) -> Any:
        """Ask once; after a failure nobody waits for it again for a while."""
        if time.monotonic() < self._silent_until:
            raise StoreAway("it did not answer a moment ago")
        try:
            return what()
        except FileNotFoundError:
            raise
        except Exception as error:  # the library has a class for each kind of failure
            self._silent_until = time.monotonic() + LEFT_ALONE_SECONDS
            raise StoreAway(type(error).__name__) from error


def file_store(url: str) -> FileStore | None:
    """The store at ``file:///folder`` or ``s3://bucket/prefix``; None where files stay in the database."""
    if not url:
        return None
    parts = urlsplit(url)
    return BucketStore(url) if parts.scheme == BUCKET else FolderStore(Path(unquote(parts.path)))


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
