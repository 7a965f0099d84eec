"""The 64 districts, Bangla to English, as far as a charter's heading or web address needs them."""

from __future__ import annotations

import re

from grs.domain.bangla import skeleton

DISTRICTS = {
    "ঢাকা": "Dhaka", "গাজীপুর": "Gazipur", "নারায়ণগঞ্জ": "Narayanganj", "নরসিংদী": "Narsingdi",
    "মানিকগঞ্জ": "Manikganj", "মুন্সিগঞ্জ": "Munshiganj", "টাঙ্গাইল": "Tangail", "কিশোরগঞ্জ": "Kishoreganj",
    "ফরিদপুর": "Faridpur", "গোপালগঞ্জ": "Gopalganj", "মাদারীপুর": "Madaripur", "রাজবাড়ী": "Rajbari",
    "শরীয়তপুর": "Shariatpur", "চট্টগ্রাম": "Chattogram", "কক্সবাজার": "Cox's Bazar", "কুমিল্লা": "Cumilla",
    "ব্রাহ্মণবাড়িয়া": "Brahmanbaria", "চাঁদপুর": "Chandpur", "ফেনী": "Feni", "লক্ষ্মীপুর": "Lakshmipur",
    "নোয়াখালী": "Noakhali", "রাঙ্গামাটি": "Rangamati", "খাগড়াছড়ি": "Khagrachhari", "বান্দরবান": "Bandarban",
    "রাজশাহী": "Rajshahi", "নাটোর": "Natore", "নওগাঁ": "Naogaon", "চাঁপাইনবাবগঞ্জ": "Chapai Nawabganj",
    "পাবনা": "Pabna", "বগুড়া": "Bogura", "জয়পুরহাট": "Joypurhat", "সিরাজগঞ্জ": "Sirajganj",
    "খুলনা": "Khulna", "বাগেরহাট": "Bagerhat", "সাতক্ষীরা": "Satkhira", "যশোর": "Jashore",
    "ঝিনাইদহ": "Jhenaidah", "মাগুরা": "Magura", "নড়াইল": "Narail", "কুষ্টিয়া": "Kushtia",
    "মেহেরপুর": "Meherpur", "চুয়াডাঙ্গা": "Chuadanga", "বরিশাল": "Barishal", "পটুয়াখালী": "Patuakhali",
    "ভোলা": "Bhola", "পিরোজপুর": "Pirojpur", "বরগুনা": "Barguna", "ঝালকাঠি": "Jhalokati",
    "সিলেট": "Sylhet", "মৌলভীবাজার": "Moulvibazar", "হবিগঞ্জ": "Habiganj", "সুনামগঞ্জ": "Sunamganj",
    "রংপুর": "Rangpur", "দিনাজপুর": "Dinajpur", "গাইবান্ধা": "Gaibandha", "কুড়িগ্রাম": "Kurigram",
    "লালমনিরহাট": "Lalmonirhat", "নীলফামারী": "Nilphamari", "পঞ্চগড়": "Panchagarh", "ঠাকুরগাঁও": "Thakurgaon",
    "ময়মনসিংহ": "Mymensingh", "জামালপুর": "Jamalpur", "নেত্রকোণা": "Netrokona", "শেরপুর": "Sherpur",
}  # fmt: skip

OLD_NAMES = {
    "jessore": "Jessore", "comilla": "Comilla", "bogra": "Bogra", "barisal": "Barisal",
    "chittagong": "Chittagong", "coxsbazar": "Cox's Bazar", "jhalakathi": "Jhalakathi",
    "chapainawabganj": "Chapainawabganj",
}  # fmt: skip
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
