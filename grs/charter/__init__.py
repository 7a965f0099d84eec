"""From document to charter: a reader a kind → paragraphs and table rows → sections → entries. No database."""

from grs.charter.cells import read_day_limit
from grs.charter.documents import read_document
from grs.charter.interpret import read_charter
from grs.charter.model import CharterDocument

__all__ = ["CharterDocument", "read_charter", "read_day_limit", "read_document"]
