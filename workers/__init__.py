"""The timetable and its jobs: `python -m workers`."""
