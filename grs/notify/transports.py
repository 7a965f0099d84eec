"""The ways out: a real SMTP server, an HTTP gateway for SMS, or a folder in trial mode."""

from __future__ import annotations

import json
import smtplib
import ssl
import urllib.request
from contextlib import suppress
from email.utils import parseaddr
from pathlib import Path
from typing import Protocol

from grs.notify.mail import Mail, as_bytes, message_id
from grs.settings import Settings

TIMEOUT_SECONDS = 20


class MailTransport(Protocol):
    """Sends one letter or raises; whoever calls it writes down which."""

    def send(self, mail: Mail) -> None: ...

    def close(self) -> None: ...


class SmsGateway(Protocol):
    """Sends one short message or raises."""

    def send(self, *, key: str, number: str, text: str) -> None: ...


class SmtpTransport:
    """One connection, kept for the letters of a round and opened again when it breaks."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._server: smtplib.SMTP | None = None

    def send(self, mail: Mail) -> None:
        data = as_bytes(mail)
        sender = mail.returns_to or parseaddr(mail.sender)[1]
        server = self._server or self._connect()
        self._server = server
        try:
            server.sendmail(sender, [mail.to_address], data)
        except smtplib.SMTPResponseException:
            with suppress(smtplib.SMTPException, OSError):
                server.rset()
            raise
        except smtplib.SMTPRecipientsRefused:
            raise  # the connection is still good: one bad address holds up nobody
        except (smtplib.SMTPException, OSError):
            self.close()
            raise

    def _connect(self) -> smtplib.SMTP:
        settings, context = self._settings, ssl.create_default_context()
        host, port = settings.smtp_host, settings.smtp_port
        server: smtplib.SMTP
        if settings.smtp_security == "tls":
            server = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=context)
        else:
            server = smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
        try:
            if settings.smtp_security == "starttls":
                server.starttls(context=context)
            if settings.smtp_user:
                server.login(settings.smtp_user, settings.smtp_password)
        except Exception:
            server.close()  # else each try would leave a connection open
            raise
        return server

    def close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            with suppress(smtplib.SMTPException, OSError):
                server.quit()


class FolderTransport:
    """Writes each letter as an .eml file named by its Message-ID: a repeat replaces itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, mail: Mail) -> None:
        name = message_id(mail.key, mail.sender).strip("<>").partition("@")[0]
        write_whole(self._folder / f"{mail.queued_at:%Y%m%dT%H%M%S}-{name}.eml", as_bytes(mail))

    def close(self) -> None:
        pass


class FolderGateway:
    """Writes each SMS as a text file: the number, then the text."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, *, key: str, number: str, text: str) -> None:
        name = message_id(key, "sms@localhost").strip("<>").partition("@")[0]
        write_whole(self._folder / f"{name}.txt", f"{number}\n{text}\n".encode())


class HttpGateway:
    """Posts ``{"to", "text", "reference"}`` as JSON to the gateway of the settings."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token

    def send(self, *, key: str, number: str, text: str) -> None:
        request = urllib.request.Request(
            self._url,
            data=json.dumps({"to": number, "text": text, "reference": key}).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"},
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
            pass  # urlopen raises for every answer but a good one


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".part")
    half.write_bytes(data)
    half.replace(path)


def mail_transport(settings: Settings) -> MailTransport:
    return FolderTransport(settings.mail_folder) if settings.is_trial else SmtpTransport(settings)


def sms_gateway(settings: Settings) -> SmsGateway:
    if settings.sms_gateway_url:
        return HttpGateway(settings.sms_gateway_url, settings.sms_gateway_token)
    return FolderGateway(settings.sms_folder)
