"""The web server for the tests of the promises: the product's own, without form tokens and limits on tries."""

from __future__ import annotations

import os

from grs.bootstrap import WEB_PATIENCE, open_house, wait_until_ready
from grs.logs import configure_logging
from grs.web import create_app

configure_logging()
# A control of the tests lets it wait as long as the server does.
house = open_house(patience=None if "GRS_TEST_PATIENCE" in os.environ else WEB_PATIENCE)
wait_until_ready(house)
app = create_app(house, test_config={"WTF_CSRF_ENABLED": False, "RATELIMIT_ENABLED": False})
