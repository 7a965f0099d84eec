"""From document to charter: text → paragraphs and table rows → sections → entries. No database."""

from grs.charter.cells import read_day_limit
from grs.charter.interpret import read_charter
from grs.charter.model import CharterDocument

__all__ = ["CharterDocument", "read_charter", "read_day_limit"]
