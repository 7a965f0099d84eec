"""The administrators' pages: charters, chains, calendars, offices, posts, people, numbers, letters, jobs, log."""

from grs.web.admin import calendars, charters, offices, people, system  # their routes
from grs.web.admin.room import blueprint

__all__ = ["blueprint", "calendars", "charters", "offices", "people", "system"]
