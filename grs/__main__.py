"""`python -m grs` is the command `grs`."""

from grs.cli import main

main()
