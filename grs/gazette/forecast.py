"""Forecast of a year that is not gazetted yet, from the package ``holidays``."""

from __future__ import annotations

from grs.domain.calendar import CalendarRow, Certainty, RowKind

REFERENCE = "forecast (PyPI holidays); not gazetted yet"
YEARS_AHEAD = 3
"""How many years past the last gazette are forecast: a complaint at all tiers takes under one."""


def forecast_year(year: int) -> list[CalendarRow]:
    """The nationwide holidays expected in a year; provisional, and some are missing or days off."""
    import holidays  # slow to import, and seldom needed

    bangla = holidays.country_holidays("BD", years=year, language="bn")
    english = holidays.country_holidays("BD", years=year, language="en_US")
    return [
        CalendarRow(
            day=day,
            kind=RowKind.HOLIDAY,
            name_bn=bangla.get(day, ""),
            name_en=english.get(day, ""),
            reference=REFERENCE,
            certainty=Certainty.FORECAST,
        )
        for day in sorted(bangla)
        if day.year == year
    ]
