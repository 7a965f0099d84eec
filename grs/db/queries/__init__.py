"""Questions to the tables, one file a noun."""
