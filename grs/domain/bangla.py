"""Bangla text: one spelling to store, one skeleton to compare, digits both ways."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

MOST_MARKS = 20
"""Signs above and below one letter. Sorting thousands of them, as Unicode asks, would take minutes."""
_NO_LETTERS = re.compile(rf"[^\w\s]{{{MOST_MARKS + 1},}}")
"""Where so many could be: no such sign is a letter, a digit or a blank."""

_TO_BENGALI = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")
_TO_ASCII = str.maketrans("০১২৩৪৫৬৭৮৯", "0123456789")
_SPACE = re.compile(r"\s+")
_ZERO_WIDTH = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))

# Letters that writers and scanners exchange, mapped to one of them, for comparison only.
_ALIKE = str.maketrans(
    {"ণ": "ন", "শ": "স", "ষ": "স", "ী": "ি", "ূ": "ু", "ঈ": "ই", "ঊ": "উ", "ঃ": None}
    | {"ৎ": "ত", "ঁ": None, "্": None, "\u09bc": None, "ও": "ো", "য": "জ"}
)

WORD_NUMBERS = {
    "এক": 1, "দুই": 2, "তিন": 3, "চার": 4, "পাঁচ": 5, "ছয়": 6, "সাত": 7, "আট": 8, "নয়": 9,
    "দশ": 10, "এগারো": 11, "বারো": 12, "পনের": 15, "পনেরো": 15, "বিশ": 20, "একুশ": 21,
    "পঁচিশ": 25, "ত্রিশ": 30, "চল্লিশ": 40, "পঁয়তাল্লিশ": 45, "ষাট": 60, "নব্বই": 90,
}  # fmt: skip
"""Numbers that charters write in words; keys are compared by ``skeleton``."""


def to_bengali_digits(text: object) -> str:
    """The text with 0-9 as ০-৯; for output only."""
    return str(text).translate(_TO_BENGALI)


def to_ascii_digits(text: str) -> str:
    """The text with ০-৯ as 0-9; for every number a person types."""
    return text.translate(_TO_ASCII)


def one_form(text: str, form: Literal["NFC", "NFKC"] = "NFC") -> str:
    """Unicode's one spelling of a text; of the signs on one letter at most twenty stay."""
    return text if text.isascii() else unicodedata.normalize(form, _NO_LETTERS.sub(_with_few_marks, text))


def _with_few_marks(found: re.Match[str]) -> str:
    kept, marks = [], 0
    for sign in found[0]:
        marks = marks + 1 if unicodedata.combining(sign) else 0
        if marks <= MOST_MARKS:
            kept.append(sign)
    return "".join(kept)


def normalise(text: str) -> str:
    """NFC with white space collapsed: the one spelling that is stored.

    NFC writes য়, ড়, ঢ় as two code points, whichever way they were typed.
    """
    return _SPACE.sub(" ", one_form(text)).strip()


def normalise_lines(text: str) -> str:
    """As ``normalise``, but keeping line breaks: for what people write at length."""
    lines = one_form(text).replace("\r\n", "\n").replace("\r", "\n")
    return "\n".join(_SPACE.sub(" ", line).strip() for line in lines.split("\n")).strip()


def without_joiners(text: str) -> str:
    """The text without ZWJ, ZWNJ and other signs of no width; to compare, never to show."""
    return text.translate(_ZERO_WIDTH)


def skeleton(text: str) -> str:
    """What stays of a text when spelling variants are ignored; to compare, never to show.

    Drops joiners, hasanta, nukta and blanks, folds ণ/ন, শ/ষ/স, short and long vowels,
    and Bengali digits: নিষ্পত্তি and নিস্পত্তি, য় in both spellings, give the same skeleton.
    """
    plain = without_joiners(one_form(text))
    return _SPACE.sub("", plain).translate(_TO_ASCII).translate(_ALIKE).lower()


_NUKTA_AFTER_VOWEL = re.compile("([\u09be-\u09cc])\u09bc")
_SEARCHED_ALIKE = str.maketrans({"ঞ": "ন"})
"""Exchanged by people who type on phones (গন্জ for গঞ্জ); ড় and ঢ় are typed as র too."""


def search_text(*names: str | None) -> str:
    """What a search compares: the skeleton of each word of the names, between blanks."""
    words = " ".join(without_joiners(normalise(name)) for name in names if name).translate(_SEARCHED_ALIKE).split(" ")
    words = [_NUKTA_AFTER_VOWEL.sub("\u09bc\\1", word) for word in words]
    words = [word.replace("ড\u09bc", "র").replace("ঢ\u09bc", "র") for word in words]
    return " ".join(found for word in words if (found := skeleton(word.strip(",;:()।-–/"))))


def search_words(query: str) -> list[str]:
    """The words of a query as ``search_text`` spells them."""
    return [word for word in search_text(query).split(" ") if word]
