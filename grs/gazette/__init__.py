"""From gazette file to calendar rows, and the forecast for years that are not gazetted yet."""

from grs.gazette.files import read_calendar_file
from grs.gazette.forecast import forecast_year

__all__ = ["forecast_year", "read_calendar_file"]
