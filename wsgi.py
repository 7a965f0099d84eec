"""The web server's door: `gunicorn wsgi:app`."""

from grs.bootstrap import open_house
from grs.web import create_app

app = create_app(open_house())
