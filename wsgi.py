"""The web server's door: `gunicorn wsgi:app`."""

import sys

from grs.bootstrap import WEB_PATIENCE, NotReady, open_house, wait_until_ready
from grs.logs import configure_logging
from grs.web import create_app

configure_logging()
house = open_house(patience=WEB_PATIENCE)
configure_logging(form=house.settings.log_format)
try:
    wait_until_ready(house)
except NotReady as error:
    sys.exit(f"grs: {error}")
app = create_app(house)
