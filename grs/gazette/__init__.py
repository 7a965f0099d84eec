"""From gazette file to calendar rows, and the forecast for years that are not gazetted yet."""

from grs.gazette.files import read_calendar_file, write_calendar_file
from grs.gazette.forecast import forecast_year
from grs.gazette.icalendars import read_icalendar, write_icalendar

__all__ = ["forecast_year", "read_calendar_file", "read_icalendar", "write_calendar_file", "write_icalendar"]
