"""The web application: put together here, refused to start when a route has no policy.

Owns create_app. Imports Flask, clinic's Config and the rest of `web`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Flask, Response, request, send_from_directory
from flask_wtf.csrf import CSRFError, CSRFProtect

from clinic.config import Config
from web import auth, context, errors, headers
from web.assets import STATIC
from web.db import adopt
from web.pages import BLUEPRINTS, groups
from web.pages.internal import blueprint as internal
from web.pages.uploads import blueprint as uploads
from web.pages.uploads import slots
from web.pages.webhooks import blueprint as webhooks
from web.policies import SAFE_METHODS, enforce, public, require_policies
from web.proxy import as_peer

# A text of 64 KiB is three times as long in a plain form when each byte is escaped; the rest is for the other fields.
MAX_BODY_BYTES = 256 * 1024


class Bedside(Flask):
    """Flask, told by the connection and not by a client's header whose request it is."""

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return super().wsgi_app(as_peer(environ), start_response)


@public
def _static(filename: str) -> Response:
    return send_from_directory(STATIC, filename)


def create_app(config: Config | None = None) -> Flask:
    """Return the application for `config` (read from the environment when absent).

    Raises: SystemExit with words when something of the deployment is missing; RuntimeError for a route without a policy.
    """
    settings = config or Config.from_environ()
    app = Bedside("web", static_folder=None)
    app.config.update(
        BEDSIDE=settings,
        SECRET_KEY=settings.flask_key,
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        # A page stays open for days; its token lives as long as the session that made it.
        WTF_CSRF_TIME_LIMIT=None,
        # Pages send no referrer; Sec-Fetch-Site is checked instead, on http and https alike.
        WTF_CSRF_SSL_STRICT=False,
    )
    adopt(app, settings)
    auth.install(app)
    errors.install(app)
    headers.harden(app)
    context.install(app)
    csrf = CSRFProtect(app)
    csrf.exempt(internal)
    csrf.exempt(webhooks)
    csrf.exempt(uploads)  # asks for the token itself
    csrf.exempt(slots)  # believes no cookie
    app.before_request(_same_site)
    app.before_request(enforce)
    app.before_request(auth.note_use)
    app.add_url_rule("/static/<path:filename>", "static", _static)
    app.jinja_env.globals.update(closed_groups=groups.closed, people_of=groups.people_of)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    require_policies(app)
    return app


def _same_site() -> None:
    if request.method not in SAFE_METHODS and request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise CSRFError("from another site")
