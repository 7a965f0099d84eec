"""A simulated year: its days (``days``), and what people do on them (``people``)."""

from grs.simulation.days import days_of, simulate

__all__ = ["days_of", "simulate"]
