"""Whatever a browser, or somebody else on this computer, sends: an answer in words, never 500."""

import json
import os
import random
import socket
import struct
import threading
import time
import zlib

import pytest
from PIL import Image

from camtrap_tf.core.errors import InputError
from camtrap_tf.reviewing import queue, server
from camtrap_tf.reviewing.answers import read
from camtrap_tf.reviewing.session import Session
from tests.reviewing.conftest import draw_pictures
from tests.reviewing.test_server import ANSWER, client_of

DEEP = "[" * 20_000 + "]" * 20_000
ODD = ["NaN", "Infinity", "1e999", "-1", "1" + 5000 * "0", "true", "null", '"x"', "[]", "{}",
       '"\\ud800"', '"\\udfff"', '"\\u0000"', DEEP, '{"a": ' * 5000 + "1" + "}" * 5000]  # fmt: skip
FIELDS = ("id", "event_id", "seconds", "verdict", "sightings", "queue", "at", "drawn", "reviewer")


@pytest.fixture
def session(small, tmp_path):
    draw_pictures(small, tmp_path / "pictures")
    return Session(small, queue.order(small), tmp_path / "pictures", tmp_path / "r.jsonl", "kim")


@pytest.fixture
def client(session):
    return client_of(session)


def send(client, path: str, body: str | bytes) -> int:
    return client.post(path, data=body, content_type="application/json").status_code


def with_field(session, name: str, value: str) -> str:
    content = {key: json.dumps(one) for key, one in (ANSWER | {"queue": session.queue}).items()}
    content[name] = value
    return "{" + ", ".join(f'"{key}": {one}' for key, one in content.items()) + "}"


def test_odd_values_in_any_field(client, session, tmp_path):
    for name in FIELDS:
        for number, value in enumerate(ODD):
            body = with_field(session, name, value)
            if name != "id":
                body = body.replace('"id": "a"', f'"id": "{name}{number}"')
            for path in ("/api/answers", "/api/undo"):
                assert send(client, path, body) in (200, 400, 409), (name, value[:20], path)
    assert client.get("/api/results").status_code == 200
    lines = (tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines()
    assert all("NaN" not in line and "Infinity" not in line for line in lines)
    read(tmp_path / "r.jsonl")  # can still be read


def test_odd_values_inside_a_sighting(client, session):
    for name in ("species", "count", "attributes", "choices"):
        for value in ODD:
            sighting = {"species": '"lion"', "count": "null", "attributes": "{}"} | {name: value}
            text = ", ".join(f'"{key}": {one}' for key, one in sighting.items())
            body = with_field(session, "sightings", f"[{{{text}}}]")
            assert send(client, "/api/answers", body) in (200, 400), (name, value[:20])
    assert client.get("/api/session").status_code == 200


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1", "1e999", "1" + 400 * "0"])
def test_a_time_that_is_none_loses_no_answer(client, session, tmp_path, value):
    assert send(client, "/api/answers", with_field(session, "seconds", value)) == 200
    [answer] = read(tmp_path / "r.jsonl")
    assert answer.seconds is None and answer.event_id == "e3"


def test_noise(client):
    generator = random.Random(0)
    whole = json.dumps(ANSWER).encode()
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(generator.randint(1, 8)):
            content[generator.randrange(len(content))] = generator.randrange(256)
        assert send(client, "/api/answers", bytes(content)) in (400, 409)


@pytest.mark.parametrize(
    "path",
    [
        "/api/events?start=9999999999999999999999999&count=1",
        "/api/events?start=-9999999999999999999999999&count=99999999999999999999",
        "/api/events?start=NaN&count=Infinity",
        "/api/events?start=" + "9" * 5000,
        "/api/events?start=%ed%a0%80",
        "/pictures/QUEUE/" + "9" * 5000 + "/0",
        "/pictures/QUEUE/0/" + "9" * 30,
        "/pictures/QUEUE/%ED%A0%80/0",
        "/pictures/QUEUE/\u0661/0",
        "/pictures/QUEUE/1.5/0",
        "/pictures/%00/0/0",
        "/" + "x/" * 20_000,
    ],
)
def test_odd_addresses(client, session, path):
    assert client.get(path.replace("QUEUE", session.queue)).status_code in (200, 404, 409)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that decodes to many pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width // 8 + 1) * height), 9)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_pictures_that_are_none(small, tmp_path):
    small.ids["path"] = small.ids["path"].str.replace(".jpg", ".tif")
    folder = tmp_path / "pictures"
    draw_pictures(small, folder)
    one = Session(small, queue.order(small), folder, tmp_path / "r.jsonl", "kim")
    client, place = client_of(one), folder / "e3" / "0.tif"
    for make in (
        lambda: place.write_bytes(bomb(40_000, 40_000)),
        lambda: os.mkfifo(place),
        lambda: place.symlink_to("0.tif"),
        lambda: place.symlink_to("/dev/zero"),
        place.mkdir,
        lambda: place.write_bytes(b"II*\0" + b"\xff" * 200),
    ):
        place.unlink()
        make()
        assert client.get(f"/pictures/{one.queue}/0/0").status_code == 404
        if place.is_dir():
            place.rmdir()
            place.touch()
    place.unlink()
    Image.new("L", (9000, 20)).save(place)
    assert client.get(f"/pictures/{one.queue}/0/0").status_code == 200


def test_a_reviewer_without_a_name_in_utf8(small, tmp_path):
    draw_pictures(small, tmp_path / "pictures")
    with pytest.raises(InputError, match="reviewer"):
        Session(small, queue.order(small), tmp_path / "pictures", tmp_path / "r.jsonl", "k\udce4m")


def test_half_open_connections_hold_nothing_up(session):
    """Two hundred connections that say half a request and wait; the page answers meanwhile."""
    running = server.create(session, port=0)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    address, waiting = (server.HOST, int(running.effective_port)), []
    try:
        for _ in range(200):
            waiting.append(socket.create_connection(address, timeout=5))
            waiting[-1].sendall(b"POST /api/answers HTTP/1.1\r\nHost: localhost\r\nContent-Le")
        start = time.monotonic()
        with socket.create_connection(address, timeout=5) as own:
            own.sendall(b"GET /api/session HTTP/1.0\r\nHost: localhost\r\n\r\n")
            reply = own.makefile("rb").read()
        assert reply.startswith((b"HTTP/1.0 200", b"HTTP/1.1 200"))
        assert time.monotonic() - start < 2
    finally:
        for one in waiting:
            one.close()
        running.close()
        thread.join(5)
