"""Which place a charter is of, from its heading or web address."""

from __future__ import annotations

import re

from grs.domain.bangla import skeleton
from grs.domain.districts import DISTRICTS, OLD_SPELLINGS

OLD_NAMES = {re.sub(r"[^a-z]", "", name.lower()): name for name in OLD_SPELLINGS}
"""Names that web addresses still use, as printed there."""

_BY_BANGLA = {skeleton(bangla): english for bangla, english in DISTRICTS.items()}
_BY_SLUG = {re.sub(r"[^a-z]", "", name.lower()): name for name in DISTRICTS.values()} | OLD_NAMES
_SADAR = skeleton("সদর")


def place_of(*, website: str | None, name_bn: str | None) -> tuple[str | None, str | None]:
    """The English names of upazila and district, from the web address or else the Bangla name.

    ``doict.kaunia.rangpur.gov.bd`` gives Kaunia, Rangpur; a part called ``sadar`` is the
    district's own upazila. What cannot be known is None.
    """
    upazila, district = _from_website(website or "")
    if district is None:
        upazila, district = _from_name(name_bn or "")
    return upazila, district


def _from_website(website: str) -> tuple[str | None, str | None]:
    host = re.sub(r"^https?://", "", website.lower()).split("/")[0]
    parts = [part for part in re.sub(r"\.gov\.bd$", "", host).split(".") if part != "www"]
    district = _BY_SLUG.get(parts[-1]) if parts else None
    if district is None or len(parts) < 3:
        return None, district
    upazila = parts[-2]
    return (f"{district} Sadar" if "sadar" in upazila else upazila.capitalize()), district


def _from_name(name_bn: str) -> tuple[str | None, str | None]:
    parts = [skeleton(part).rstrip(".।") for part in name_bn.split(",")]
    district = next((_BY_BANGLA[part] for part in reversed(parts) if part in _BY_BANGLA), None)
    is_sadar = any(part.endswith(_SADAR) for part in parts)
    return (f"{district} Sadar" if district and is_sadar else None), district
