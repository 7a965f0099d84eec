"""A real mailbox: Debian's Dovecot on loopback."""

from __future__ import annotations

import imaplib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.certificates import certificate
from tests.postgres import free_port

DOVECOT = shutil.which("dovecot") or ("/usr/sbin/dovecot" if Path("/usr/sbin/dovecot").exists() else None)
USER, PASSWORD = "answers", "only-for-tests"


def why_no_mailbox() -> str | None:
    """Why no mailbox can be had here, or None."""
    if DOVECOT is None:
        return "Dovecot is not installed"
    return None if os.geteuid() == 0 else "Dovecot is started as root here"


@dataclass(frozen=True)
class Dovecot:
    """A mailbox that is served over IMAP, in plain text and over TLS."""

    port: int
    tls_port: int
    certificate: Path

    def put(self, raw: bytes) -> None:
        """A mail arrives."""
        with self._inside() as imap:
            assert imap.append("INBOX", "", imaplib.Time2Internaldate(time.time()), raw)[0] == "OK"

    def count(self, folder: str = "INBOX") -> int:
        with self._inside() as imap:
            found, _ = imap.select(folder, readonly=True)
            return len(imap.search(None, "ALL")[1][0].split()) if found == "OK" else 0

    @contextmanager
    def _inside(self) -> Iterator[imaplib.IMAP4]:
        with imaplib.IMAP4("127.0.0.1", self.port) as imap:
            imap.login(USER, PASSWORD)
            yield imap


@contextmanager
def running_dovecot(prefix: str = "") -> Iterator[Dovecot]:
    """A server of one mailbox, gone afterwards; ``prefix`` is how all its folders begin."""
    folder = Path(tempfile.mkdtemp(prefix="grs-mail-"))
    folder.chmod(0o755)
    owner = pwd.getpwnam("mail")
    home = folder / "home"
    home.mkdir()
    os.chown(home, owner.pw_uid, owner.pw_gid)
    trusted = certificate(folder, "localhost")
    found = Dovecot(free_port(), free_port(), trusted)
    (folder / "dovecot.conf").write_text(f"""
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{trusted}
ssl_key = <{folder}/privkey.pem
disable_plaintext_auth = no
first_valid_uid = 1
namespace inbox {{
  inbox = yes
  separator = .
  prefix = {prefix}
}}
mail_location = maildir:{home}/Maildir
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={owner.pw_uid} gid={owner.pw_gid} home={home}
}}
service imap-login {{
  inet_listener imap {{
    port = {found.port}
  }}
  inet_listener imaps {{
    port = {found.tls_port}
    ssl = yes
  }}
}}
""")
    server = subprocess.Popen([str(DOVECOT), "-F", "-c", folder / "dovecot.conf"], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 20
        while True:
            try:
                found.count()
                break
            except (OSError, imaplib.IMAP4.error):
                assert time.monotonic() < until, (folder / "log").read_text() if (folder / "log").exists() else "no log"
                time.sleep(0.1)
        yield found
    finally:
        server.terminate()
        server.wait(10)
        shutil.rmtree(folder, ignore_errors=True)
