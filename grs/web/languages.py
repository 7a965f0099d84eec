"""The language of a request, and the words of the pages in it: Bangla as the templates have it, English translated."""

from __future__ import annotations

from functools import cache
from gettext import NullTranslations, translation

from flask import Flask, g, request

from grs.settings import TEMPLATES

LANGUAGES = ("bn", "en")


def chosen_language() -> str:
    """The language of this request: asked for in the address, else remembered, else Bangla."""
    if request.path.startswith(("/api/", "/open311/")):
        return request.accept_languages.best_match(LANGUAGES) or "bn"
    asked = request.args.get("lang", "") or request.cookies.get("language", "")
    return asked if asked in LANGUAGES else "bn"


def init_app(app: Flask) -> None:
    app.jinja_env.add_extension("jinja2.ext.i18n")
    # Set by the extension. A catalogue is read once a process, not looked for at each of a page's words.
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        lambda text: _catalogue(g.get("language", "bn")).gettext(text),
        lambda one, many, number: _catalogue(g.get("language", "bn")).ngettext(one, many, number),
        newstyle=True,
    )


@cache
def _catalogue(language: str) -> NullTranslations:
    return translation("messages", TEMPLATES / "translations", [language], fallback=language == "bn")
