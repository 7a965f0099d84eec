"""Findings about the ways out."""

from __future__ import annotations

import dataclasses
import gc
import shutil
import socket
import ssl
import subprocess
import warnings
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from grs.bootstrap import House
from grs.db.engine import make_engine
from grs.notify.transports import SmtpTransport
from tests.conftest import MailSink, Template
from tests.postgres import free_port
from tests.promises.bench import within
from tests.promises.servers import running_server
from tests.security.test_readers import a_mail


def test_a_server_that_offers_no_encryption_leaves_no_connection_open(mailing_house: House, sink: MailSink) -> None:
    transport = SmtpTransport(dataclasses.replace(mailing_house.settings, smtp_security="starttls"))
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always", ResourceWarning)
        with pytest.raises(Exception, match="STARTTLS"):
            transport.send(a_mail())
        gc.collect()
    assert [one for one in leaked if "socket" in str(one.message)] == []
    assert sink.letters == [], "and nothing goes out in clear"


def self_signed(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for this machine that nobody vouches for, and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    key.chmod(0o600)
    return certificate, key


class TlsController(Controller):
    """A mail server whose certificate nobody vouches for, not even when it tries itself at its start."""

    def _trigger_server(self) -> None:
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection((self.hostname, self.port), 1) as line:
            if self.ssl_context is not None:
                line = trusting.wrap_socket(line)
            line.recv(1)
            line.close()


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_mail_server_with_a_certificate_nobody_vouches_for_gets_no_letter(
    mailing_house: House, tmp_path: Path, security: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = self_signed(tmp_path, "mail")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    sink = MailSink(port=free_port())
    how = {"ssl_context": context} if security == "tls" else {"tls_context": context}
    controller = TlsController(sink, hostname="127.0.0.1", port=sink.port, **how)
    controller.start()
    settings = dataclasses.replace(mailing_house.settings, smtp_port=sink.port, smtp_security=security)
    try:
        with pytest.raises(ssl.SSLCertVerificationError):
            SmtpTransport(settings).send(a_mail())
        assert sink.letters == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        trusting = SmtpTransport(settings)
        trusting.send(a_mail())
        trusting.close()
        assert len(sink.letters) == 1, "one that the operator vouches for gets it"
    finally:
        controller.stop()


@pytest.mark.xdist_group("processes")
def test_a_database_server_with_another_certificate_is_not_talked_to(
    postgres_template: Template, tmp_path: Path
) -> None:
    certificate, key = self_signed(tmp_path, "server")
    other, _ = self_signed(tmp_path, "other")
    with running_server() as server:
        for name, file in (("server.crt", certificate), ("server.key", key)):
            shutil.copy(file, server.data / name)
            shutil.chown(server.data / name, server.data.owner(), server.data.group())
            (server.data / name).chmod(0o600)
        server.do("ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()")
        url = f"postgresql://grs@127.0.0.1:{server.port}/postgres?sslmode=verify-full&sslrootcert="
        assert within(10, lambda: server.ask("SHOW ssl") == "on")
        engine = make_engine(url + str(certificate), patience=5)
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
        engine.dispose()
        with pytest.raises(OperationalError, match="certificate verify failed"):
            make_engine(url + str(other), patience=5).connect()
