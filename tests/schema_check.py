"""Part of `make check`: the migrations, run from empty, give exactly the code's tables; on both databases."""

from __future__ import annotations

import sys
import tempfile

from grs.db import schema
from grs.db.engine import make_engine
from tests.postgres import running_postgres, why_missing


def check(url: str) -> list[object]:
    engine = make_engine(url)
    schema.upgrade(engine)
    found = schema.differences(engine)
    engine.dispose()
    return found


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        found = check(f"sqlite:///{folder}/check.db")
    reason = why_missing()
    if reason:
        print(f"migrations on PostgreSQL not checked: {reason}")
    else:
        with running_postgres() as url:
            found += check(url)
    for difference in found:
        print(difference)
    print("migrations equal models" if not found else "migrations and models differ")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
