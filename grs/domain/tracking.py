"""The number a complainant quotes and the secret that goes with it.

Digits only: they can be read over any telephone in both languages, and have no look-alikes.
"""

from __future__ import annotations

from collections.abc import Callable

from grs.domain.bangla import to_ascii_digits

NUMBER_DIGITS = 12
CODE_DIGITS = 16


def new_tracking_number(year: int, random_below: Callable[[int], int]) -> str:
    """Two digits of the year, nine random ones, a check digit: ``264839205176``."""
    body = f"{year % 100:02d}{random_below(10**9):09d}"
    return body + check_digit(body)


def new_access_code(random_below: Callable[[int], int]) -> str:
    """Sixteen random digits; kept only as a hash."""
    return f"{random_below(10**CODE_DIGITS):0{CODE_DIGITS}d}"


def check_digit(digits: str) -> str:
    """ISO 7064 MOD 11,10: finds every wrong digit and nearly every exchange of two."""
    product = 10
    for digit in digits:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)


def read_digits(text: str) -> str:
    """What a person typed, in Bengali or Latin digits, with or without blanks and dashes."""
    return "".join(c for c in to_ascii_digits(text) if c in "0123456789")


def is_tracking_number(text: str) -> bool:
    """Whether the digits are a number of ours, typed without a mistake."""
    digits = read_digits(text)
    return len(digits) == NUMBER_DIGITS and check_digit(digits[:-1]) == digits[-1]


def grouped(digits: str) -> str:
    """In fours, as it is printed and read aloud: ``2648 3920 5176``."""
    return " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))
