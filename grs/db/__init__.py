"""What is kept: tables, one file a noun; questions to them in ``queries/``."""
