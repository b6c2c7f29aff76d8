"""The web page of a review, for one person on their own computer.

Flask, because the page needs some routes and a static folder and Flask is the smallest framework
with two decades of care behind it; waitress, because it is a production server in plain Python
that runs on Windows, too, and reads pictures in several threads while an answer is written.

What keeps others out:
  - it listens on 127.0.0.1 only;
  - a request for another host name is refused, so that a site which lets its name point to this
    computer (DNS rebinding) reads nothing;
  - a request from another origin is refused, and answers must be JSON, which other sites cannot
    send unasked;
  - pictures are asked for by number in the queue; the browser never names a path.
Other users of the same computer can open the page.
"""

import dataclasses
import errno
import io
import logging
import mimetypes
import os
import typing
from pathlib import Path

import flask
from waitress.server import create_server

from camtrap_tf.answers.people import Shown
from camtrap_tf.core.errors import InputError
from camtrap_tf.pictures import files
from camtrap_tf.reviewing.journal import check_id
from camtrap_tf.reviewing.live.session import LiveSession
from camtrap_tf.reviewing.live.walls import TILES
from camtrap_tf.reviewing.session import GUARDS, PAGE, Session, Stale, said

HOST, PORT = "127.0.0.1", 8765
THREADS = 8
# So many connections may be open and wait, so long (seconds) without a word: browsers open some
# to spare, and one that has died is not told.
CONNECTIONS, SILENCE = 900, 20
MADE = (4096, 4096)  # width and height of a JPEG that is made for the browser, at most
_NUMBER = "string(maxlength=9)"
HOSTS = ["127.0.0.1", "localhost"]
# What browsers show; anything else is made a JPEG.
SHOWN = {
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".jpe": "image/jpeg", ".jfif": "image/jpeg",
    ".png": "image/png", ".webp": "image/webp",
}  # fmt: skip
UNNAMED = "picture"
POLICY = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; script-src 'self'; "
    "style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
log = logging.getLogger("camtrap")


def application(session: Session | LiveSession) -> flask.Flask:
    """The page and its requests, for any WSGI server."""
    mimetypes.add_type("text/javascript", ".js")  # Windows lets programs say otherwise
    app = flask.Flask(__name__, static_folder="page", static_url_path="/page")
    app.config["TRUSTED_HOSTS"] = HOSTS
    app.config["MAX_CONTENT_LENGTH"] = 64 * 1024
    app.before_request(_refuse_foreign)
    app.after_request(_protect)
    app.register_error_handler(InputError, lambda error: (str(error), 400))
    app.register_error_handler(RecursionError, lambda _: ("the request is nested too deep", 400))
    app.register_error_handler(Stale, lambda _: ("another queue: load the page again", 409))
    app.register_error_handler(LookupError, lambda error: (str(error), 404))
    app.register_error_handler(OSError, lambda error: (f"not saved: {error.strerror}", 507))

    @app.get("/")
    def page():
        return app.send_static_file("review.html")

    @app.get("/api/session")
    def describe():
        return session.describe()

    @app.get("/api/events")
    def events():
        arguments = flask.request.args
        if isinstance(session, LiveSession) and "places" in arguments:
            return {"events": session.events(_numbers(arguments["places"]))}
        start, count = arguments.get("start", 0, int), arguments.get("count", 1, int)
        return {"events": session.page(start, count)}

    @app.get("/api/results")
    def results():
        return session.results()

    @app.get(f"/pictures/<queue>/<{_NUMBER}:place>/<{_NUMBER}:frame>")
    def picture(queue: str, place: str, frame: str):
        path = session.picture(queue, _number(place), _number(frame))
        shown = session.people if session.shows_people(_number(place)) else Shown.SHOW
        response = _picture(path, shown)
        if session.people is not Shown.SHOW:  # what an answer guards later must not be kept
            response.headers["Cache-Control"] = "no-store"
        return response

    @app.post("/api/answers")
    def answer():
        content = _object()
        return flask.jsonify(session.answer(str(content.pop("queue", "")), content))

    @app.post("/api/undo")
    def undo():
        content = _object()
        undo_id = check_id(content.get("id"))
        undone, place, saved = session.undo(str(content.get("queue", "")), undo_id)
        told = None
        if undone is not None:
            told = said(undone) | {"event_id": undone.event_id}
            told |= {"events": session.events_of(undone)}
        return {"undone": told, "place": place, "saved": dataclasses.asdict(saved)}

    if isinstance(session, LiveSession):
        _add_live(app, session)
    return app


def _add_live(app: flask.Flask, session: LiveSession) -> None:
    """The requests of a page whose model learns."""

    @app.get("/api/state")
    def state():
        return session.status()

    @app.get("/api/next")
    def following():
        arguments = flask.request.args
        return session.next(arguments.get("count", 1, int), _numbers(arguments.get("skip", "")))

    @app.get("/api/walls")
    def walls():
        return session.walls()

    @app.get("/api/wall")
    def wall():
        asked = flask.request.args
        return session.wall(
            asked.get("wall", ""), asked.get("count", TILES, int), asked.get("above", None, float)
        )

    @app.post("/api/walls")
    def accept():
        content = _object()
        return flask.jsonify(session.accept(str(content.pop("queue", "")), content))

    @app.get("/api/alike")
    def alike():
        asked = flask.request.args
        return session.alike(asked.get("place", -1, int), asked.get("count", TILES, int))

    @app.get("/api/listing")
    def listing():
        return session.listing(flask.request.args)

    @app.post("/api/mark")
    def mark():
        content = _object()
        return flask.jsonify(session.mark(str(content.pop("queue", "")), content))

    @app.get("/api/finish")
    def finishing():
        return session.finishing()

    @app.post("/api/finish")
    def finish():
        return session.finish(str(_object().get("queue", ""))), 202


def _numbers(text: str) -> list[int]:
    """Whole numbers with commas between them; at most as many as one page has."""
    found = [part for part in text.split(",") if part][:PAGE]
    if not all(part.isdecimal() and len(part) <= 9 for part in found):
        raise LookupError("events have numbers")
    return [int(part) for part in found]


def _number(text: str) -> int:
    if not text.isdecimal():
        raise LookupError("pictures have numbers")
    return int(text)


def _object() -> dict:
    content = flask.request.get_json()
    if not isinstance(content, dict):
        raise InputError("a request is a JSON object", type(content).__name__, "Load the page.")
    return content


def _refuse_foreign() -> None:
    """Only the page itself may ask for anything but the page."""
    request = flask.request
    own = f"{request.scheme}://{request.host}"  # `host` refuses what is not in TRUSTED_HOSTS
    origin = request.headers.get("Origin", own)
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    navigates = request.method == "GET" and request.path == "/"
    if not navigates and (origin != own or site not in ("same-origin", "none")):
        flask.abort(403, "a request from another site")


def _protect(response: flask.Response) -> flask.Response:
    response.headers.update(POLICY)
    if not flask.request.path.startswith("/pictures/"):
        response.headers["Cache-Control"] = "no-store"
    return response


def _picture(path: Path, people: Shown) -> flask.Response:
    """The file itself where a browser shows it, else a JPEG of it."""
    if not os.path.isfile(path):
        raise LookupError("the file is not there")
    if people is Shown.HIDE:
        raise LookupError(GUARDS[people])
    kind = SHOWN.get(path.suffix.lower()) if people is Shown.SHOW else None
    try:
        if kind is not None:
            # A name of its own: that of the file may hold what no header can, such as a newline.
            return flask.send_file(
                path.resolve(), kind, download_name=UNNAMED, conditional=True, max_age=3600
            )
        made = files.blurred(path) if people is Shown.BLUR else files.as_jpeg(path, MADE)
    except (OSError, files.PictureError) as error:
        raise LookupError(f"cannot be read: {error}") from error
    return flask.send_file(io.BytesIO(made), mimetype="image/jpeg", max_age=3600)


def create(session: Session | LiveSession, port: int = PORT) -> typing.Any:
    """A waitress server on the loopback address; `effective_port` is its port, `run` serves.

    Args:
        session: what to serve.
        port: 0 takes a free one.

    Raises:
        InputError: the port is taken.
    """
    try:
        return create_server(
            application(session),
            host=HOST,
            port=port,
            threads=THREADS,
            connection_limit=CONNECTIONS,
            channel_timeout=SILENCE,
            cleanup_interval=5,
        )
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise InputError(
            "a port serves one page", port, "Stop the other review, or give --port=0."
        ) from error


def serve(session: Session | LiveSession, port: int = PORT) -> None:
    """Serves until Ctrl-C."""
    server = create(session, port)
    what = "" if isinstance(session, LiveSession) else f"{len(session)} events "
    log.info("review %sat http://%s:%s/", what, HOST, server.effective_port)
    log.info("answers go to %s; stop with Ctrl-C, nothing is lost", session.describe()["file"])
    server.run()
