"""A scanner for harmful files, where the installation has one: any command that reads a file and says by its status."""

from __future__ import annotations

import shlex
import subprocess

from grs.domain.errors import FileRefused

FOUND = 1
"""What scanners exit with when they find something (clamscan, clamdscan)."""
LONGEST = 30
"""Seconds."""


def scan(content: bytes, command: str) -> None:
    """Hand a file to the scanner's standard input; raises FileRefused for one that is harmful or cannot be judged.

    Without a command nothing is scanned. A scanner that does not answer lets nothing pass.
    """
    if not command:
        return
    try:
        done = subprocess.run(
            shlex.split(command), input=content, timeout=LONGEST, check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, ValueError, subprocess.TimeoutExpired):
        raise FileRefused("not_scanned") from None
    if done.returncode == FOUND:
        raise FileRefused("harmful")
    if done.returncode != 0:
        raise FileRefused("not_scanned")
