"""The web server for the tests of the promises: the product's own, without form tokens and limits on tries."""

from __future__ import annotations

from grs.bootstrap import WEB_PATIENCE, open_house, wait_until_ready
from grs.logs import configure_logging
from grs.web import create_app

configure_logging()
house = open_house(patience=WEB_PATIENCE)
wait_until_ready(house)
app = create_app(house, test_config={"WTF_CSRF_ENABLED": False, "RATELIMIT_ENABLED": False})
