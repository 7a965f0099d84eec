"""The front desk: Flask lives here and nowhere else; a blueprint for each kind of person."""

from grs.web.app import create_app

__all__ = ["create_app"]
