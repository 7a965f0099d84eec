"""People who file and follow through the proxy, each sending again under the same key until he is answered.

    python -m tests.deploy.citizen_load SITE CERTIFICATE JOURNAL STOP PEOPLE

A line of the journal for each request: when it began, what it was, how long it took, what was answered.
"""

from __future__ import annotations

import json
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, TextIO
from uuid import uuid4

LONGEST_SECONDS = 600
PAUSE = 0.3
"""Between two requests of one person; the proxy holds up an address that asks more than 30 times a second."""
FORM = {
    "office": "doict-kaunia", "ground": "misconduct", "subject": "তথ্য পাওয়া যায়নি", "description": "তিনবার গিয়েও পাইনি।",
    "complainant": {"name": "নমুনা নাগরিক", "mobile": "01700000001", "email": "citizen@example.com"},
}  # fmt: skip


class Person:
    """Files, looks, files again."""

    def __init__(self, site: str, certificate: str, journal: TextIO, lock: threading.Lock, stop: Path) -> None:
        self.site, self.journal, self.lock, self.stop = site, journal, lock, stop
        context = ssl.create_default_context(cafile=certificate)
        self._opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))

    def ask(self, what: str, path: str, body: Any = None, **headers: str) -> Any:
        """One request; its answer, or None where it was none or a failure."""
        began, clock = time.monotonic(), time.time()
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"} | {name.replace("_", "-"): v for name, v in headers.items()}
        request = urllib.request.Request(f"{self.site}/api/v1{path}", data, headers)
        found, status = None, 0
        try:
            with self._opener.open(request, timeout=45) as answer:
                status, found = answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            status = error.code
            error.close()
        except (OSError, ValueError):
            pass
        line = {"at": clock, "what": what, "took": time.monotonic() - began, "status": status}
        if what == "file":
            line |= {"key": headers["Idempotency-Key"], "number": found["tracking_number"] if found else ""}
        with self.lock:
            self.journal.write(json.dumps(line) + "\n")
            self.journal.flush()
        time.sleep(PAUSE)
        return found

    def live(self) -> None:
        until = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < until and not self.stop.exists():
            key, receipt = uuid4().hex, None
            while receipt is None and time.monotonic() < until:
                receipt = self.ask("file", "/complaints", FORM, Idempotency_Key=key)
                if receipt is None and self.stop.exists():
                    return
            if receipt is not None:
                self.ask("follow", f"/complaints/{receipt['tracking_number']}", Access_Code=receipt["access_code"])


def main(site: str, certificate: str, journal: str, stop: str, people: str) -> None:
    lock = threading.Lock()
    with Path(journal).open("a") as out:
        threads = [
            threading.Thread(target=Person(site, certificate, out, lock, Path(stop)).live) for _ in range(int(people))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
