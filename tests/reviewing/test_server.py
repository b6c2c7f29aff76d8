import http.client
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image

from camtrap_tf.reviewing import queue, server
from camtrap_tf.reviewing.journal import Journal
from camtrap_tf.reviewing.session import Session
from tests.reviewing.conftest import draw_pictures

ANSWER = {
    "id": "a", "event_id": "e3", "seconds": 3.5, "verdict": "animal",
    "sightings": [{"species": "lion", "count": "2", "attributes": {"moving": True}}],
}  # fmt: skip


@pytest.fixture
def session(small, tmp_path):
    draw_pictures(small, tmp_path / "pictures")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    return Session(small, queue.order(small), tmp_path / "pictures", tmp_path / "r.jsonl", "kim")


@pytest.fixture
def client(session):
    return client_of(session)


def client_of(session) -> FlaskClient:
    """A client that reads replies to their end, as a browser does, so that files are closed."""

    class Reader(FlaskClient):
        def open(self, *arguments, **options):
            return super().open(*arguments, **options | {"buffered": True})

    app = server.application(session)
    app.test_client_class = Reader
    return app.test_client()


def post(client, session, path="/api/answers", content=ANSWER, **headers):
    return client.post(path, json=content | {"queue": session.queue}, headers=headers)


def test_the_page_and_its_parts(client):
    page = client.get("/")
    assert page.status_code == 200 and b"<title>Review</title>" in page.data
    for part in ("review.js", "review.css"):
        assert f"/page/{part}".encode() in page.data
        assert client.get(f"/page/{part}").status_code == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]


def test_an_answer_and_its_undo(client, session):
    assert post(client, session).json == {"done": 1, "total": 4, "next": 1, "seconds_left": 10.5}
    assert client.get("/api/events?start=0&count=1").json["events"][0]["mine"] == {
        "verdict": "animal", "sightings": ANSWER["sightings"]
    }  # fmt: skip
    back = post(client, session, "/api/undo", {"id": "u"}).json
    assert back["undone"]["event_id"] == "e3" and back["place"] == 0
    assert back["saved"]["done"] == 0
    assert client.get("/api/results").json["reviewers"] == {}


def test_pictures_are_served_whole(client, session, tmp_path):
    response = client.get(f"/pictures/{session.queue}/0/1")
    assert response.data == (tmp_path / "pictures/e3/1.jpg").read_bytes()
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert response.mimetype == "image/jpeg"


def test_other_formats_become_jpeg(small, tmp_path):
    small.ids["path"] = small.ids["path"].str.replace(".jpg", ".tif")
    draw_pictures(small, tmp_path / "pictures")
    one = Session(small, queue.order(small), tmp_path / "pictures", tmp_path / "r.jsonl", "kim")
    client = client_of(one)
    response = client.get(f"/pictures/{one.queue}/0/0")
    assert response.mimetype == "image/jpeg" and response.data[:2] == b"\xff\xd8"
    (tmp_path / "pictures/e3/0.tif").write_bytes(b"II*\0 no picture")
    response = client.get(f"/pictures/{one.queue}/0/0")
    assert response.status_code == 404 and "cannot be read" in response.text


def test_a_missing_picture_is_told(client, session, tmp_path):
    (tmp_path / "pictures/e3/1.jpg").unlink()
    response = client.get(f"/pictures/{session.queue}/0/1")
    assert (response.status_code, response.text) == (404, "the file is not there")


@pytest.mark.parametrize(
    "path",
    [
        "/pictures/QUEUE/../../secret.jpg",
        "/pictures/QUEUE/..%2f..%2fsecret.jpg/0",
        "/pictures/QUEUE/%2e%2e/0",
        "/pictures/QUEUE/-1/0",
        "/pictures/QUEUE/0/99",
        "/pictures/QUEUE/0/0/../../../../../secret.jpg",
        "/page/../server.py",
        "/page/..%2fserver.py",
        "/page//etc/passwd",
        "/../r.jsonl",
    ],
)
def test_no_path_leads_out(client, session, path):
    response = client.get(path.replace("QUEUE", session.queue), follow_redirects=True)
    assert response.status_code == 404
    assert b"secret" not in response.data and b"import" not in response.data


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example"])
@pytest.mark.parametrize("path", ["/", "/api/session", "/api/events", "/pictures/QUEUE/0/0"])
def test_a_foreign_host_is_refused(client, session, host, path):
    path = path.replace("QUEUE", session.queue)
    assert client.get(path, headers={"Host": host}).status_code == 400
    assert client.get(path, headers={"Host": "localhost:9000"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},  # another server on this computer
        {"Origin": "https://localhost"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_origin_is_refused(client, session, headers, tmp_path):
    assert post(client, session, **headers).status_code == 403
    assert post(client, session, "/api/undo", {}, **headers).status_code == 403
    assert client.get(f"/pictures/{session.queue}/0/0", headers=headers).status_code == 403
    assert not (tmp_path / "r.jsonl").exists()
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert post(client, session, **own).status_code == 200


def test_forms_of_other_sites_are_refused(client, session, tmp_path):
    response = client.post("/api/answers", data='{"id": "a"}', content_type="text/plain")
    assert response.status_code == 415
    assert client.post("/api/answers", json=["a"]).status_code == 400
    assert client.post("/api/answers", json={"x": "y" * 70_000}).status_code == 413
    assert client.get("/api/answers").status_code == 405
    assert not (tmp_path / "r.jsonl").exists()


def test_bad_answers_are_told(client, session):
    wrong = post(client, session, content=ANSWER | {"event_id": "nowhere"})
    assert wrong.status_code == 400 and "an event of the queue" in wrong.text
    assert client.post("/api/answers", json=ANSWER | {"queue": "other"}).status_code == 409
    assert client.get("/pictures/other/0/0").status_code == 409


def test_a_full_disk_is_told(client, session, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journal, "append", full)
    response = post(client, session)
    assert (response.status_code, response.text) == (507, "not saved: No space left on device")


def listening(pid: int) -> set[str]:
    """Addresses on which a process listens, from Linux's own table."""
    sockets = set()
    for number in (Path("/proc") / str(pid) / "fd").iterdir():
        target = os.readlink(number)
        if target.startswith("socket:["):
            sockets.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for row in (Path("/proc") / str(pid) / "net" / table).read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = row.split()[:10]
            if state == "0A" and inode in sockets:
                found.add(local.split(":")[0])
    return found


def test_over_the_wire(small, tmp_path, serving):
    draw_pictures(small, tmp_path / "pictures")
    small.write(tmp_path / "answers" / "predictions.parquet")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    with serving(tmp_path / "answers", tmp_path / "pictures") as (process, port):
        assert listening(process.pid) == {"0100007F"}  # 127.0.0.1 and nothing else
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

        def get(path: str, host: str) -> tuple[int, bytes]:
            connection.putrequest("GET", path, skip_host=True)
            connection.putheader("Host", host)
            connection.endheaders()
            response = connection.getresponse()
            return response.status, response.read()

        queue_name = json.loads(get("/api/session", "localhost")[1])["queue"]
        assert get(f"/pictures/{queue_name}/0/0", f"localhost:{port}")[0] == 200
        assert get("/api/session", "evil.example")[0] == 400
        for path in (
            "/page/../../../../../../etc/passwd",
            "/page/%2e%2e/%2e%2e/server.py",
            f"/pictures/{queue_name}/0/..%2f..%2f..%2fsecret.jpg",
            f"/pictures/{queue_name}/../../../secret.jpg",
        ):
            assert get(path, "localhost")[0] == 404, path
        connection.close()
        taken = [sys.executable, "-m", "camtrap_tf.cli", "review", str(tmp_path / "answers")]
        taken += [f"--images={tmp_path / 'pictures'}", f"--port={port}"]
        second = subprocess.run(taken, capture_output=True, text=True, check=False)
        assert second.returncode == 2 and "a port serves one page" in second.stderr


def test_the_pictures_of_the_page_are_those_of_the_files(client, session, tmp_path):
    Image.new("RGB", (30, 20), (1, 2, 3)).save(tmp_path / "pictures/e3/0.jpg")
    assert client.get(f"/pictures/{session.queue}/0/0").content_length == (
        (tmp_path / "pictures/e3/0.jpg").stat().st_size
    )


@pytest.mark.skipif(os.name == "nt", reason="no such names on Windows")
def test_a_name_with_a_line_break_is_a_name(small, tmp_path):
    small.ids["path"] = small.ids["path"].str.replace("/", "/a\nb\r\x7f„")
    draw_pictures(small, tmp_path / "pictures")
    one = Session(small, queue.order(small), tmp_path / "pictures", tmp_path / "r.jsonl", "kim")
    response = client_of(one).get(f"/pictures/{one.queue}/0/0")
    assert response.status_code == 200 and response.mimetype == "image/jpeg"
    assert response.data == (tmp_path / "pictures/e3/a\nb\r\x7f„0.jpg").read_bytes()
