"""The way from a view to the house."""

from __future__ import annotations

from typing import cast

from flask import current_app

from grs.bootstrap import House


def house() -> House:
    """The house this application was made over."""
    return cast(House, current_app.extensions["house"])
