"""What single cells say: serials, time limits, officers and how they are reached."""

from __future__ import annotations

import re
from collections.abc import Sequence

from grs.charter.model import Contact, Officer, TimeLimit
from grs.domain.bangla import WORD_NUMBERS, skeleton, to_ascii_digits, without_joiners
from grs.domain.tiers import LONGEST_LIMIT, DayLimit, LimitUnit

EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
URL = re.compile(
    r"(?:https?://|www\.)[^\s<>,;।()]+|(?<![a-z0-9.-])[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,6}\.gov\.bd\b/?",
    re.IGNORECASE,
)
_SERIAL = re.compile(r"^[(\[]?\s*([০-৯0-9]{1,3})\s*[.।):\]]*$")
_DIGIT = "[০-৯0-9]"

# -- serials and numbers ----------------------------------------------------------


def read_serial(cell: str) -> str | None:
    """The row's number in ASCII as printed (``০১.`` is ``01``), or None."""
    found = _SERIAL.match(cell.strip())
    return to_ascii_digits(found.group(1)) if found else None


def is_serial(cell: str) -> bool:
    return read_serial(cell) is not None


def is_number_row(cells: Sequence[str]) -> bool:
    """Whether the row only numbers the columns: (১) (২) (৩) …"""
    filled = [cell for cell in cells if cell.strip()]
    return len(filled) >= 2 and all(is_serial(cell) for cell in filled)


# -- time limits --------------------------------------------------------------------

_WORD = "|".join(sorted(map(re.escape, WORD_NUMBERS), key=len, reverse=True))
_NUMBER = rf"(?:{_DIGIT}{{1,3}}|{_WORD})"
_GLOSS = r"(?:\s{0,3}\([^)\d]{0,40}\))?"
_RANGE = rf"(?P<low>{_NUMBER}){_GLOSS}(?:\s*(?:-|–|—|হতে|থেকে|বা|অথবা|to)\s*(?P<high>{_NUMBER}){_GLOSS})?\s*(?:টি\s*)?"
_WORKING = r"(?:কার্য|কর্ম|কাজের|অফিস|working)[\s-]*(?:দিবস|দিন|days?)"
WORKING_DAYS = re.compile(_RANGE + r"(?:\(\s*)?" + _WORKING, re.IGNORECASE)
_CALENDAR_DAYS = re.compile(_RANGE + r"(?:দিন|দিবস|days?)", re.IGNORECASE)
_MONTHS = re.compile(_RANGE + r"(?:মাস|months?)", re.IGNORECASE)
_OTHER_TIME = re.compile(_RANGE + r"(?:ঘণ্টা|ঘন্টা|মিনিট|সপ্তাহ|বছর)")

_IMMEDIATE = [skeleton(w) for w in ("তাৎক্ষণিক", "তাৎক্ষণিকভাবে", "তাতক্ষণিক", "সাথে সাথে", "সঙ্গে সঙ্গে", "অবিলম্বে")]
_AS_NEEDED = [skeleton(w) for w in ("চাহিদা", "প্রয়োজন অনু", "প্রয়োজন মত", "প্রয়োজন মোতাবেক", "প্রয়োজনে")]
_AS_DIRECTED = [skeleton(w) for w in ("নির্দেশ", "নিদের্শ")]


def read_time_limit(cell: str) -> TimeLimit:
    """What a time cell promises; ``(প্রযোজ্য ক্ষেত্রে)`` alone promises nothing."""
    key = skeleton(cell)
    numbers = [
        _to_int(number)
        for found in WORKING_DAYS.finditer(without_joiners(cell))
        for number in (found["low"], found["high"])
        if number
    ]
    return TimeLimit(
        immediate=any(word in key for word in _IMMEDIATE),
        working_days_min=min(numbers, default=None),
        working_days_max=max(numbers, default=None),
        as_needed=any(word in key for word in _AS_NEEDED),
        as_directed=any(word in key for word in _AS_DIRECTED),
    )


def read_day_limit(cell: str) -> DayLimit | None:
    """The limit that a cell prints: working days, else months, else calendar days."""
    for pattern, unit in (
        (WORKING_DAYS, LimitUnit.WORKING_DAYS),
        (_MONTHS, LimitUnit.MONTHS),
        (_CALENDAR_DAYS, LimitUnit.CALENDAR_DAYS),
    ):
        found = pattern.search(without_joiners(cell))
        amount = _to_int(found["high"] or found["low"]) if found else 0
        if 1 <= amount <= LONGEST_LIMIT:
            return DayLimit(amount, unit)
    return None


def is_reversed(cell: str) -> bool:
    """Whether a range of working days runs backwards: ৭-৩ কার্যদিবস."""
    ranges = WORKING_DAYS.finditer(without_joiners(cell))
    return any(found["high"] and _to_int(found["high"]) < _to_int(found["low"]) for found in ranges)


def looks_like_time(cell: str) -> bool:
    return read_time_limit(cell).says_something or any(
        pattern.search(without_joiners(cell)) for pattern in (_CALENDAR_DAYS, _MONTHS, _OTHER_TIME)
    )


_WORD_VALUES = {skeleton(word): value for word, value in WORD_NUMBERS.items()}


def _to_int(text: str) -> int:
    digits = to_ascii_digits(text)
    return int(digits) if digits.isdigit() else _WORD_VALUES[skeleton(text)]


# -- phones, e-mails, addresses --------------------------------------------------------

_LABEL = re.compile(
    r"(?:টেলি\s*ফোন|টেলিঃ|ফোন|মোবাইল|মোবাঃ|মোবা|ফ্যাক্স|ই\s?-?\s?মেইল|ইমেইল|ওয়েব\s?সাইট|ওয়েব|ঠিকানা|"
    r"phone|tel|mobile|mob|cell|e-?mail|web(?:site)?)\s*(?:নম্বর|নং|নাম্বার|no\.?)?\s*[:ঃ।.-]*",
    re.IGNORECASE,
)
_AREA_CODE = re.compile(rf"(?:উপজেলা|জেলা|পোস্ট|ডাক)?\s*কোড\s*(?:নং|নম্বর)?\s*[-:ঃ]*\s*{_DIGIT}+")
_DIGIT_RUN = re.compile(rf"\+?\(?{_DIGIT}[০-৯0-9\s()–-]*")
_FEWEST_DIGITS, _ENOUGH_DIGITS = 6, 9


def read_phones(text: str) -> tuple[str, ...]:
    """The telephone numbers of a text as digits, in order, each once.

    Area codes (``উপজেলা কোড-৮৫৪২``) and a lone country code are no numbers. Blanks inside a number
    are closed up; after nine digits a blank ends it, because two numbers stand side by side.
    """
    plain = _AREA_CODE.sub(" ; ", URL.sub(" ; ", EMAIL.sub(" ; ", text)))
    plain = _LABEL.sub(" ; ", plain)
    phones: list[str] = []
    for run in _DIGIT_RUN.findall(plain):
        number = ""
        for chunk in run.split():
            if len(number) >= _ENOUGH_DIGITS:
                phones.append(number)
                number = ""
            number += re.sub(r"\D", "", to_ascii_digits(chunk))
        if len(number) >= _FEWEST_DIGITS:
            phones.append(number)
    return tuple(dict.fromkeys(phones))


def read_emails(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(EMAIL.findall(text)))


def read_websites(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found.rstrip(".,") for found in URL.findall(EMAIL.sub(" ", text))))


def has_contact(cell: str) -> bool:
    return bool(EMAIL.search(cell) or read_phones(cell))


# -- officers ------------------------------------------------------------------------

_POST_NOUN = (
    r"(?:অফিসার|কর্মকর্তা|কর্মচারী|প্রোগ্রামার|পরিচালক|মহাপরিচালক|প্রকৌশলী|কমিশনার|সচিব|নির্বাহী|রেজিস্ট্রার|"
    r"রেজিষ্ট্রার|ম্যানেজার|ব্যবস্থাপক|পরিদর্শক|সুপার|সুপারিনটেনডেন্ট|সার্ভেয়ার|কানুনগো|সহকারী|অপারেটর|মেয়র|"
    r"চেয়ারম্যান|হিসাবরক্ষক|শিক্ষক|অধ্যক্ষ|চিকিৎসক|সার্জন|নাজির|প্রশাসক|অ্যানালিস্ট|এনালিস্ট|বিশেষজ্ঞ|ইন্সট্রাক্টর|"
    r"প্রধান|ইনচার্জ|তত্ত্বাবধায়ক|উদ্যোক্তা|সমাজকর্মী|কর্মী|ইন্সপেক্টর|ইন্সপেক্টর|ক্যাশিয়ার|মুদ্রাক্ষরিক|টেকনিশিয়ান|"
    r"ফার্মাসিস্ট|নার্স|গ্রন্থাগারিক|তহশিলদার|Programmer|Officer|Director|Engineer)(?![\u0980-\u09ff])"
)
_POST = re.compile(rf".*{_POST_NOUN}(?:\s*\([^)]*\))?(?:\s*\([^)]*\))?", re.DOTALL)
_POST_START = re.compile(
    r"(?:^|(?<=[\s,]))(?:উপসহকারী|উপজেলা|জেলা|বিভাগীয়|আঞ্চলিক|ইউনিয়ন|পৌর|থানা|সহকারী|সহঃ|সহ-|উপ-|উপ\s|উপপরিচালক|অতিরিক্ত|সিনিয়র|"
    r"জুনিয়র|প্রধান|নির্বাহী|যুগ্ম|মুখ্য|ভারপ্রাপ্ত|সাব-|Assistant|Upazila|" + _POST_NOUN + ")"
)
_HONORIFIC = re.compile(r"^(?:জনাবা|জনাব|বেগম)\s+")
_NAME_PREFIX = re.compile(r"^(?:মোঃ|মো:|মো\.|মোছাঃ|মোসাঃ|মোহাম্মদ|ডাঃ|ডা\.|ড\.|ইঞ্জিঃ|প্রকৌঃ|শ্রী|মিজ|সৈয়দ)")
_PUNCTUATION = " ,;:ঃ।|/-–()<>*"
_DOUBLE_COLON = "ঃ"


def looks_like_officer(cell: str) -> bool:
    return bool(_HONORIFIC.match(cell)) or bool(_POST.match(_without_contacts(cell)))


def read_officer(text: str) -> Officer:
    """Who a cell names. The post ends with its last post noun; an office address behind it is left."""
    name, designation, _ = _split_person(_without_contacts(text))
    return Officer(name, designation, read_phones(text), read_emails(text))


def read_contact(text: str) -> Contact:
    """Where a grievance tier is reached; what is neither post nor number nor link is the address."""
    _, designation, rest = _split_person(_without_contacts(text))
    return Contact(designation, read_phones(text), read_emails(text), read_websites(text), rest or None)


def _without_contacts(text: str) -> str:
    """The words of a cell: labels, numbers, mail and web addresses replaced by a bar."""
    plain = _AREA_CODE.sub("|", URL.sub("|", EMAIL.sub("|", text)))
    plain = _LABEL.sub("|", plain)
    return _DIGIT_RUN.sub(_drop_phone, plain)


def _drop_phone(found: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", to_ascii_digits(found.group()))
    is_country_code = found.group().startswith("+")
    return "|" if len(digits) >= _FEWEST_DIGITS or is_country_code else found.group()


def _split_person(words: str) -> tuple[str | None, str | None, str]:
    """Name, designation, and what is left, of a cell without its contacts."""
    text = words.split("|", 1)[0] if words.split("|", 1)[0].strip(_PUNCTUATION) else words.replace("|", " ")
    has_honorific = bool(_HONORIFIC.match(text.strip()))
    text = _HONORIFIC.sub("", text.strip())
    found = _POST.match(text)
    start = _POST_START.search(text)
    if found is None:
        name = text.strip(_PUNCTUATION) if has_honorific else ""
        return name or None, None, "" if has_honorific else _tidy(words)
    begin = start.start() if start and start.start() < found.end() else 0
    ends = _end_of_name(text[:begin])
    # Without anything that marks a name the words before the noun qualify the post: সমাজসেবা অফিসার.
    begin = ends or (begin if has_honorific or _NAME_PREFIX.match(text) else 0)
    name = text[:begin].strip(_PUNCTUATION.replace("(", "").replace(")", ""))
    designation = text[begin : found.end()].strip(" ,;:|-–")
    return name or None, designation or None, _tidy(text[found.end() :])


_SURNAMES = set(
    [
        "আলী",
        "আলি",
        "খাতুন",
        "ইসলাম",
        "হক",
        "হোসেন",
        "হোসাইন",
        "হাসান",
        "রহমান",
        "মিয়া",
        "মিঞা",
        "দাস",
        "দেবনাথ",
        "বেগম",
        "আক্তার",
        "আখতার",
        "সুলতানা",
        "উদ্দিন",
        "উদ্দীন",
        "আহমেদ",
        "আহম্মেদ",
        "আহমদ",
        "খান",
        "চৌধুরী",
        "রায়",
        "সরকার",
        "পাল",
        "ঘোষ",
        "সাহা",
        "কুমার",
        "চক্রবর্তী",
        "মণ্ডল",
        "মন্ডল",
        "বিশ্বাস",
        "মোল্লা",
        "শেখ",
        "ভূঁইয়া",
        "ভূঁঞা",
        "তালুকদার",
        "হাওলাদার",
        "সিকদার",
        "শিকদার",
        "কবির",
        "করিম",
        "আলম",
        "নাহার",
        "পারভীন",
        "ইয়াসমিন",
        "আজাদ",
        "মজুমদার",
        "সেন",
        "গুপ্ত",
        "দত্ত",
        "চাকমা",
        "মারমা",
        "ত্রিপুরা",
        "ফারুক",
        "রশিদ",
        "রশীদ",
        "বারী",
        "মামুন",
    ]
)


def _end_of_name(words: str) -> int:
    """Where a person's name ends before words that qualify his post: at a comma or a surname."""
    if "," in words:
        return words.rindex(",") + 1
    ends = [word.end() for word in re.finditer(r"\S+", words) if word.group().strip(",") in _SURNAMES]
    return ends[-1] if ends else 0


def _tidy(text: str) -> str:
    joined = " ".join(text.replace("|", " ").split())
    return joined.strip(" ,;:|-–।")


def merged_officers(cells: Sequence[str]) -> list[Officer | None]:
    """The officer of each row of a section whose officer cells may be merged over several rows.

    An empty cell belongs to the officer above; one that holds only numbers and addresses is the
    rest of the cell above, broken by a page; empty cells at the top belong to the first officer. The same
    words again, as documents put a merged cell on every row it covers, are the same officer.
    """
    groups: list[list[str]] = []
    group_of: list[int] = []
    only_a_name = False
    last = ""
    for cell in cells:
        if cell.strip() and cell.strip() != last:
            last = cell.strip()
            officer = read_officer(cell)
            says_who = officer.name is not None or officer.designation is not None
            completes_a_name = only_a_name and officer.name is None
            if not groups or (says_who and not completes_a_name):
                groups.append([])
            groups[-1].append(cell)
            only_a_name = officer.name is not None and officer == Officer(officer.name)
        group_of.append(max(len(groups) - 1, 0))
    officers = [read_officer(" ".join(group)) for group in groups]
    return [officers[g] if officers else None for g in group_of]
