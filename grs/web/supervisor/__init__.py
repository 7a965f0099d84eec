"""The supervisors' pages: figures of their offices, the cases behind them, the monthly annex."""

from grs.web.supervisor import annex, figures  # their routes
from grs.web.supervisor.room import blueprint

__all__ = ["annex", "blueprint", "figures"]
