"""The rules: facts in, decision out. Standard library only; no clock, no database, no request."""
