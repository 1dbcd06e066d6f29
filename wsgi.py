"""The web application for gunicorn: `gunicorn -c web/gunicorn.py wsgi:app`. Imports `web` only."""

from web.app import create_app

app = create_app()
