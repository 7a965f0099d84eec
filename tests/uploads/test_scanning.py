"""A scanner that finds something, or does not answer, lets no file in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from grs.domain.errors import FileRefused
from grs.uploads.scanning import scan

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
"""What every scanner takes for harmful, by agreement; it does nothing."""


@pytest.fixture
def scanner(tmp_path: Path) -> str:
    """A scanner of one signature, with the exit statuses of clamscan."""
    script = tmp_path / "scan.py"
    script.write_text(f"import sys; sys.exit(1 if {EICAR!r} in sys.stdin.buffer.read() else 0)")
    return f"{sys.executable} {script}"


def test_what_the_scanner_knows_is_refused(scanner: str) -> None:
    scan(b"a quiet photograph", scanner)
    with pytest.raises(FileRefused) as refused:
        scan(b"%PDF-1.4 " + EICAR, scanner)
    assert refused.value.reason == "harmful"


@pytest.mark.parametrize("command", ["/nowhere/scan -", "false --status 2 'unclosed", f"{sys.executable} -c 'exit(2)'"])
def test_a_scanner_that_does_not_answer_lets_nothing_pass(command: str) -> None:
    with pytest.raises(FileRefused) as refused:
        scan(b"a quiet photograph", command)
    assert refused.value.reason == "not_scanned"


def test_without_a_scanner_nothing_is_scanned() -> None:
    scan(EICAR, "")
