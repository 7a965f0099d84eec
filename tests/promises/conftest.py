"""The order in which the promises are tried."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that it does not run alone at the end."""
    items.sort(key=lambda item: "test_p20" not in item.nodeid)
