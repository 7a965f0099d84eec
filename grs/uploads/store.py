"""Where the bytes of many files lie outside the database: a folder that all machines share, or an S3 bucket."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

FOLDER, BUCKET = "file", "s3"
TIMEOUT = "20s"
TRIES = 2


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


class FolderStore:
    """Files of a folder: whole or not there, and on the disk before anybody is told so."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, path: str, content: bytes) -> None:
        whole = self._folder / path
        half = whole.with_name(f"{whole.name}.{secrets.token_hex(4)}.part")
        try:
            whole.parent.mkdir(parents=True, exist_ok=True)
            with half.open("xb") as out:
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
            return (self._folder / path).read_bytes()
        except FileNotFoundError:
            if self._folder.is_dir():
                return None
            raise StoreAway("the folder is not there") from None
        except OSError as error:
            raise StoreAway(type(error).__name__) from error

    def delete(self, path: str) -> None:
        try:
            (self._folder / path).unlink(missing_ok=True)
        except OSError as error:
            raise StoreAway(type(error).__name__) from error


class BucketStore:
    """Objects of an S3-compatible bucket. Endpoint and keys are those of AWS's own variables (``AWS_…``)."""

    def __init__(self, url: str) -> None:
        from obstore.store import S3Store

        is_plain = os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true"
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

    @staticmethod
    def _ask(what: Any) -> Any:
        try:
            return what()
        except FileNotFoundError:
            raise
        except Exception as error:  # the library has a class for each kind of failure
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
