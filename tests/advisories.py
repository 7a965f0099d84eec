"""Whether an advisory is known for a library that is installed with the product; asks OSV where the network allows."""

from __future__ import annotations

import json
import re
import sys
import urllib.request

from grs.settings import ROOT

OSV = "https://api.osv.dev/v1/querybatch"
LOCKS = ("requirements.lock", "requirements-test.lock")
_PIN = re.compile(r"^([A-Za-z0-9_.\-]+)==([^\s;\\]+)", re.MULTILINE)


def main() -> int:
    pins = sorted({pin for lock in LOCKS for pin in _PIN.findall((ROOT / lock).read_text("utf-8"))})
    queries = [{"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in pins]
    request = urllib.request.Request(
        OSV, json.dumps({"queries": queries}).encode(), headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            results = json.load(answer)["results"]
    except (OSError, ValueError, KeyError):
        print(f"NOT RUN here: the advisories of {len(pins)} libraries, because {OSV} cannot be reached")
        return 0
    known = [
        f"{name} {version}: {', '.join(one['id'] for one in result['vulns'])}"
        for (name, version), result in zip(pins, results, strict=True)
        if result.get("vulns")
    ]
    print("\n".join(known) or f"no advisory is known for any of {len(pins)} libraries")
    return 1 if known else 0


if __name__ == "__main__":
    sys.exit(main())
