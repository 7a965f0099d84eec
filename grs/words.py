"""What people read for a word of a fixed vocabulary, from ``config/words.toml``."""

from __future__ import annotations

import tomllib
from functools import cache

from grs.settings import CONFIG


@cache
def _words() -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads((CONFIG / "words.toml").read_text("utf-8"))


def words_of(vocabulary: str, language: str) -> dict[str, str]:
    """Every word of a vocabulary."""
    return {value: told[language] for value, told in _words()[vocabulary].items()}


def word(vocabulary: str, value: object, language: str) -> str:
    """``word("stage", Stage.RECEIVED, "bn")`` is গৃহীত. KeyError for a word that is not there."""
    return _words()[vocabulary][str(value)][language]
