"""People who file over HTTP and write down what they were answered: yes, no, or unknown."""

from __future__ import annotations

import http.client
import http.cookiejar
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from grs.web.citizen.form import FIELDS
from tests.stories import TYPED

Answer = Literal["yes", "no", "unknown"]
OFFICE = "doict-kaunia"
UNREACHABLE = (OSError, http.client.HTTPException)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: object, **_more: object) -> None:
        return None


class Phone:
    """A browser with its cookies that follows no redirect by itself."""

    def __init__(self, site: str, timeout: float = 30) -> None:
        self.site, self.timeout = site, timeout
        self.slowest = 0.0
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(_NoRedirect, jar)

    def open(self, path: str, data: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Status, location and page; raises what is in UNREACHABLE where no answer came."""
        body = urllib.parse.urlencode(data).encode() if data is not None else None
        began = time.monotonic()
        try:
            with self._opener.open(self.site + path, body, timeout=self.timeout) as answer:
                return answer.status, answer.headers.get("Location") or "", answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers.get("Location") or "", error.read().decode("utf-8", "replace")
        finally:
            self.slowest = max(self.slowest, time.monotonic() - began)


@dataclass
class Filed:
    """One form and what its sending was answered."""

    address: str
    answer: Answer
    number: str = ""
    code: str = ""
    status: int = 0
    took: float = 0.0


@dataclass
class Journal:
    """What was asked and answered, written down as it happens."""

    filed: list[Filed] = field(default_factory=list)
    slowest: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, one: Filed | None, slowest: float) -> None:
        """One form, or None where it did not come to sending, and the longest that any of its pages took."""
        with self.lock:
            self.slowest = max(self.slowest, slowest)
            if one is not None:
                self.filed.append(one)

    def answered(self, answer: Answer) -> list[Filed]:
        return [one for one in self.filed if one.answer == answer]


class Refused(Exception):
    """A page before the sending was not taken; nothing was promised."""


def fill_in_over_http(phone: Phone, subject: str = "") -> str:
    """All pages up to the check; returns the form's address."""
    typed = TYPED | ({"subject": subject} if subject else {})
    status, location, _ = phone.open(f"/offices/{OFFICE}/complain", {f: typed[f] for f in ("service", "ground")})
    if status != 303:
        raise Refused(status)
    address = location.split("/")[2]
    while (page := location.rsplit("/", 1)[1]) != "check":
        data = {"continue": "yes"} | {name: typed[name] for name in FIELDS[page] if name in typed}
        status, location, _ = phone.open(f"/forms/{address}/{page}", data)
        if status != 303:
            raise Refused(status)
    return address


def send(phone: Phone, address: str) -> Filed:
    """Press the button once."""
    began = time.monotonic()
    try:
        status, location, _ = phone.open(f"/forms/{address}/check", {})
    except UNREACHABLE:
        return Filed(address, "unknown", took=time.monotonic() - began)
    took = time.monotonic() - began
    if status == 303 and location.startswith("/receipts/"):
        return Filed(address, "yes", number=location.rsplit("/", 1)[1], status=status, took=took)
    return Filed(address, "unknown" if status in (500, 502, 503) else "no", status=status, took=took)


def read_code(phone: Phone, number: str) -> str:
    """The access code off the receipt, in Bengali digits."""
    _, _, page = phone.open(f"/receipts/{number}")
    found = re.search(r'<span class="code">([০-৯ ]+)</span>', page)
    return found[1] if found else ""


def keep_filing(site: str, journal: Journal, stop: threading.Event, *, with_code: bool = True) -> None:
    """One citizen after the other, until told to stop; nobody gives up because of a failure."""
    while not stop.is_set():
        phone = Phone(site)
        try:
            address = fill_in_over_http(phone)
        except (Refused, *UNREACHABLE):
            journal.note(None, phone.slowest)
            time.sleep(0.05)
            continue
        one = send(phone, address)
        if one.answer == "yes" and with_code:
            with suppress(*UNREACHABLE):
                one.code = read_code(phone, one.number)
        journal.note(one, phone.slowest)


def filing(
    site: str, people: int, *, with_code: bool = True
) -> tuple[Journal, threading.Event, list[threading.Thread]]:
    """Several citizens at once; returns their journal, what stops them, and the threads to wait for."""
    journal, stop = Journal(), threading.Event()
    threads = [
        threading.Thread(target=keep_filing, args=(site, journal, stop), kwargs={"with_code": with_code}, daemon=True)
        for _ in range(people)
    ]
    for thread in threads:
        thread.start()
    return journal, stop, threads
