"""From an uploaded file to one that is safe to keep; no database, no request."""

from grs.uploads.cleaning import CleanFile, clean_upload

__all__ = ["CleanFile", "clean_upload"]
