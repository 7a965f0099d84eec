"""The officers' desk: lists, the complaint and what may be done with it, tasks, letters, leave, calendar, texts."""

from grs.web.officer import agenda, complaints, desk, leaves, letters, tasks, texts  # their routes
from grs.web.officer.room import blueprint

__all__ = ["agenda", "blueprint", "complaints", "desk", "leaves", "letters", "tasks", "texts"]
