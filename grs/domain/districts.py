"""The 64 districts: their names in both languages, and the English spellings in use before 2018."""

from __future__ import annotations

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

DIVISIONS = {
    "Dhaka": ("Dhaka", "Gazipur", "Narayanganj", "Narsingdi", "Manikganj", "Munshiganj", "Tangail", "Kishoreganj",
              "Faridpur", "Gopalganj", "Madaripur", "Rajbari", "Shariatpur"),
    "Chattogram": ("Chattogram", "Cox's Bazar", "Cumilla", "Brahmanbaria", "Chandpur", "Feni", "Lakshmipur",
                   "Noakhali", "Rangamati", "Khagrachhari", "Bandarban"),
    "Rajshahi": ("Rajshahi", "Natore", "Naogaon", "Chapai Nawabganj", "Pabna", "Bogura", "Joypurhat", "Sirajganj"),
    "Khulna": ("Khulna", "Bagerhat", "Satkhira", "Jashore", "Jhenaidah", "Magura", "Narail", "Kushtia", "Meherpur",
               "Chuadanga"),
    "Barishal": ("Barishal", "Patuakhali", "Bhola", "Pirojpur", "Barguna", "Jhalokati"),
    "Sylhet": ("Sylhet", "Moulvibazar", "Habiganj", "Sunamganj"),
    "Rangpur": ("Rangpur", "Dinajpur", "Gaibandha", "Kurigram", "Lalmonirhat", "Nilphamari", "Panchagarh",
                "Thakurgaon"),
    "Mymensingh": ("Mymensingh", "Jamalpur", "Netrokona", "Sherpur"),
}  # fmt: skip
"""The eight divisions and their districts; each division bears the name of the district of its seat."""

OLD_SPELLINGS = {
    "Jessore": "Jashore", "Comilla": "Cumilla", "Bogra": "Bogura", "Barisal": "Barishal",
    "Chittagong": "Chattogram", "Jhalakathi": "Jhalokati", "Chapainawabganj": "Chapai Nawabganj",
}  # fmt: skip
"""As web addresses and older documents still print them."""

_BANGLA = {english: bangla for bangla, english in DISTRICTS.items()}


def district_in_bangla(english: str) -> str:
    """The Bangla name of a district in either English spelling; the text itself for a name that is none."""
    return _BANGLA.get(OLD_SPELLINGS.get(english, english), english)


def district_spellings(english: str | None) -> list[str]:
    """Every way in which a district is written, so that searches find each."""
    if not english:
        return []
    new = OLD_SPELLINGS.get(english, english)
    return [new, district_in_bangla(new), *(old for old, newer in OLD_SPELLINGS.items() if newer == new)]


def districts_of_division(seat: str | None) -> list[str]:
    """Every spelling of every district in the division whose seat lies in a district."""
    name = OLD_SPELLINGS.get(seat or "", seat or "")
    inside = next((districts for districts in DIVISIONS.values() if name in districts), ())
    return [*inside, *(old for old, new in OLD_SPELLINGS.items() if new in inside)]


def district_names(english: str | None) -> list[str]:
    """Both English spellings of a district."""
    name = OLD_SPELLINGS.get(english or "", english or "")
    return [name, *(old for old, new in OLD_SPELLINGS.items() if new == name)]
