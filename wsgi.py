"""The web server's door: `gunicorn wsgi:app`."""

from grs.bootstrap import open_house
from grs.logs import configure_logging
from grs.web import create_app

configure_logging()
app = create_app(open_house())
