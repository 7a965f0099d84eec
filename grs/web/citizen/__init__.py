"""What a citizen meets: offices and charters, the complaint form, tracking, own complaints, public figures."""

from grs.web.citizen import dates, figures, filing, offices, own, tracking
from grs.web.citizen.desk import blueprint

__all__ = ["blueprint"]
_PAGES = (dates, figures, filing, offices, own, tracking)  # imported for their routes
