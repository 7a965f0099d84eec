"""Complaints' files leave the database for a store beside it, one by one, after the fact.

A complaint is lodged with its files in one transaction, whether the store answers or not. Later each file is put into
the store, read back, and only then taken out of the database; a worker killed in between does that file again.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, sessionmaker

from grs.db.drafts import Attachment, AttachmentContent, FileToDelete
from grs.uploads.store import FileStore, StoreAway

log = logging.getLogger(__name__)
BATCH = 20


def path_of(attachment_id: int, sha256: str) -> str:
    """Where a file lies in the store: under its own number, so that no two are one and each can be deleted alone."""
    return f"{attachment_id // 1000}/{attachment_id}-{sha256}"


def content_of(session: Session, file: Attachment, store: FileStore | None) -> bytes:
    """The bytes of a file, wherever they lie. Raises StoreAway."""
    kept = session.get(AttachmentContent, file.id)
    if kept is not None:
        return kept.content
    found = store.get(path_of(file.id, file.sha256)) if store is not None else None
    if found is None:
        raise StoreAway("a file is not in the store" if store is not None else "no store is set")
    return found


def shelve_files(
    readers: sessionmaker[Session],
    writers: sessionmaker[Session],
    *,
    store: FileStore,
    now: datetime,
    dry_run: bool = False,
    after_batch: Callable[[int], None] = lambda _done: None,
) -> Counter[str]:
    """Move files of complaints into the store; delete there what no complaint has any more. Raises StoreAway."""
    counts: Counter[str] = Counter(shelved=0, unshelved=0)
    waiting = (Attachment.complaint_id.is_not(None), Attachment.is_shelved.is_(False))
    if dry_run:
        with readers() as session:
            counts["shelved"] = session.scalar(select(func.count()).select_from(Attachment).where(*waiting)) or 0
            counts["unshelved"] = session.scalar(select(func.count()).select_from(FileToDelete)) or 0
        return counts
    counts["unshelved"], failure = _delete_old(readers, writers, store)  # first, for it makes room
    last = 0
    while True:
        with readers() as session:
            batch = session.execute(
                select(Attachment.id, Attachment.sha256, AttachmentContent.content)
                .join(AttachmentContent, AttachmentContent.attachment_id == Attachment.id)
                .where(*waiting, Attachment.id > last)
                .order_by(Attachment.id)
                .limit(BATCH)
            ).all()
        for number, sha256, content in batch:
            last = number
            counts["shelved"] += _shelve(writers, store, number, sha256, content, now)
        after_batch(len(batch))
        if len(batch) < BATCH:
            break
    if failure is not None:
        raise failure
    return counts


def _shelve(
    writers: sessionmaker[Session], store: FileStore, number: int, sha256: str, content: bytes, now: datetime
) -> bool:
    path = path_of(number, sha256)
    store.put(path, content)
    if hashlib.sha256(store.get(path) or b"").hexdigest() != sha256:
        log.error("file %s came back from the store as another; it stays in the database", number)
        return False
    with writers.begin() as session:
        file = session.get(Attachment, number, with_for_update=True)
        if file is None:  # its complaint was anonymised meanwhile
            session.merge(FileToDelete(path=path, since=now))
            return False
        file.is_shelved = True
        session.execute(delete(AttachmentContent).where(AttachmentContent.attachment_id == number))
    return True


def _delete_old(
    readers: sessionmaker[Session], writers: sessionmaker[Session], store: FileStore
) -> tuple[int, StoreAway | None]:
    """How many were deleted, and why one was not: that one keeps no other."""
    deleted, failure = 0, None
    with readers() as session:
        paths = session.scalars(select(FileToDelete.path).order_by(FileToDelete.since)).all()
    for path in paths:
        try:
            store.delete(path)
        except StoreAway as error:
            failure = error
            continue
        with writers.begin() as session:
            session.execute(delete(FileToDelete).where(FileToDelete.path == path))
        deleted += 1
    return deleted, failure
