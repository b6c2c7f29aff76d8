"""Downloading, against a server of our own that misbehaves."""

import collections
import dataclasses
import http.server
import io
import json
import threading
import time
import zipfile

import pytest

from camtrap_tf import cli
from camtrap_tf.core.errors import InputError
from data_prep import download
from data_prep.sources import read

QUICK = download.Manners(connections=4, tries=4, timeout=0.5, pause=0.01)
PICTURES = {f"S1/B04/P{k}.JPG": bytes([k]) * (12 * 8192 + k) for k in range(6)}
MISBEHAVIOUR = {  # picture: what the server does at the first request, the second, ...
    "S1/B04/P1.JPG": ["truncate", "truncate"],
    "S1/B04/P2.JPG": ["stall"],
    "S1/B04/P3.JPG": ["429"],
    "S1/B04/P4.JPG": ["503", "no ranges"],
    "S1/B04/P5.JPG": ["404"] * 9,
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.removeprefix("/snapshotserengeti-unzipped/")
        server, content = self.server, self.server.files[path.lstrip("/")]
        server.requests[path].append((time.monotonic(), self.headers.get("Range")))
        planned = server.misbehaviour.get(path, [])
        act = planned.pop(0) if planned else ""
        if act.isdigit():
            self.send_response(int(act))
            if act == "429":
                self.send_header("Retry-After", "1")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.deliver(content, act)

    def deliver(self, content, act):
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and act != "no ranges" else 0
        self.send_response(206 if start else 200)
        if start:
            told = 0 if act == "elsewhere" else start
            self.send_header("Content-Range", f"bytes {told}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        rest = content[start:]
        if act in ("truncate", "stall"):
            self.wfile.write(rest[: len(rest) // 2])
            self.wfile.flush()
            if act == "stall":
                time.sleep(1.0)
            self.close_connection = True
            return
        self.wfile.write(rest)

    def log_message(self, *_):
        pass


def archive(pictures):
    images = [{"id": path, "file_name": path, "seq_id": f"event {k // 2}"}
              for k, path in enumerate(pictures)]  # fmt: skip
    annotations = [{"id": k, "image_id": path, "category_id": k // 2 % 2, "count": float("nan"),
                    "sequence_level_annotation": True}
                   for k, path in enumerate(pictures)]  # fmt: skip
    content = {
        "info": {}, "categories": [{"id": 0, "name": "empty"}, {"id": 1, "name": "zebra"}],
        "images": images, "annotations": annotations,
    }  # fmt: skip
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("SnapshotSerengeti_S01.json", json.dumps(content))
    return buffer.getvalue()


@pytest.fixture
def server():
    own = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    own.files = {**PICTURES, download.METADATA.format(season=1): archive(PICTURES)}
    own.requests, own.misbehaviour = collections.defaultdict(list), {}
    thread = threading.Thread(target=own.serve_forever, daemon=True)
    thread.start()
    own.base = f"http://127.0.0.1:{own.server_address[1]}"
    yield own
    own.shutdown()
    own.server_close()
    thread.join()


def there(folder):
    return {path: (folder / path).read_bytes() for path in PICTURES if (folder / path).exists()}


def test_a_season_arrives_whole_from_a_server_that_misbehaves(server, tmp_path):
    server.misbehaviour = {path: list(acts) for path, acts in MISBEHAVIOUR.items()}
    counts = download.download(tmp_path, [1], manners=QUICK, base=server.base)
    assert counts == {"there": 5, "missing": 1, "failed": 0}
    absent = "S1/B04/P5.JPG"
    assert there(tmp_path) == {k: v for k, v in PICTURES.items() if k != absent}
    missing = (tmp_path / "missing.csv").read_text()
    assert missing == f"path,reason\n{absent},the server answers 404\n"
    assert not list(tmp_path.rglob("*.part"))
    # Half of it, then half of the rest, then what remains of 98,305 bytes.
    assert [asked for _, asked in server.requests["S1/B04/P1.JPG"]] == [
        None, "bytes=49152-", "bytes=73728-",
    ]  # fmt: skip
    assert [asked for _, asked in server.requests["S1/B04/P2.JPG"]] == [None, "bytes=49152-"]
    first, second = (moment for moment, _ in server.requests["S1/B04/P3.JPG"])
    assert second - first > 0.95  # Retry-After: 1
    assert len(server.requests[absent]) == 1


def test_what_is_there_is_not_fetched_again(server, tmp_path):
    download.download(tmp_path, [1], manners=QUICK, base=server.base)
    before = sum(map(len, server.requests.values()))
    download.download(tmp_path, [1], manners=QUICK, base=server.base)
    assert sum(map(len, server.requests.values())) == before


def test_metadata_alone_say_how_many_pictures_are_wanted(server, tmp_path):
    path = "S1/B04/P1.JPG"
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_bytes(PICTURES[path])
    counts = download.download(tmp_path, [1], manners=QUICK, base=server.base, only_metadata=True)
    assert counts == {"there": 1, "wanted": 5}
    assert list(there(tmp_path)) == [path]


def test_a_part_of_an_interrupted_run_is_continued(server, tmp_path):
    path = "S1/B04/P1.JPG"
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / f"{path}.part").write_bytes(PICTURES[path][:1234])
    download.download(tmp_path, [1], manners=QUICK, base=server.base)
    assert server.requests[path][0][1] == "bytes=1234-"
    assert there(tmp_path) == PICTURES


def test_a_part_larger_than_the_file_or_a_server_without_ranges_begins_anew(server, tmp_path):
    server.misbehaviour = {"S1/B04/P2.JPG": ["no ranges"]}
    (tmp_path / "S1/B04").mkdir(parents=True)
    (tmp_path / "S1/B04/P1.JPG.part").write_bytes(bytes(200_000))
    (tmp_path / "S1/B04/P2.JPG.part").write_bytes(b"of another file")
    download.download(tmp_path, [1], manners=QUICK, base=server.base)
    assert there(tmp_path) == PICTURES


def test_what_a_server_without_ranges_sends_takes_the_place_of_a_part(server, tmp_path):
    path = "S1/B04/P2.JPG"
    server.misbehaviour = {path: ["no ranges"]}
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / f"{path}.part").write_bytes(b"of another file")
    once = dataclasses.replace(QUICK, tries=1)  # no other try mends what the first has done
    download.download(tmp_path, [1], manners=once, base=server.base)
    assert there(tmp_path) == PICTURES


def test_what_continues_at_another_place_is_not_taken(server, tmp_path):
    path = "S1/B04/P2.JPG"
    server.misbehaviour = {path: ["elsewhere"]}
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / f"{path}.part").write_bytes(PICTURES[path][:1234])
    counts = download.download(tmp_path, [1], manners=QUICK, base=server.base)
    assert counts == {"there": 5, "missing": 1, "failed": 0}
    assert "continues at another place" in (tmp_path / "missing.csv").read_text()
    assert not (tmp_path / path).exists()


def test_another_seed_is_another_sample(server, tmp_path):
    chosen = set()
    for seed in range(6):
        out = tmp_path / str(seed)
        download.download(out, [1], 1, seed, QUICK, server.base)
        chosen.add(tuple(sorted(there(out))))
    assert len(chosen) > 1


def test_a_sample_of_events_is_part_of_a_larger_one(server, tmp_path):
    chosen = []
    for events in (1, 2):
        download.download(tmp_path / str(events), [1], events, 5, QUICK, server.base)
        chosen.append(set(there(tmp_path / str(events))))
    assert [len(paths) for paths in chosen] == [2, 4]  # events of two pictures
    assert chosen[0] < chosen[1]
    metadata = tmp_path / "2" / "metadata" / "SnapshotSerengetiS01_2_events.json"
    table = read("lila", metadata)
    assert set(table.frames["path"]) == chosen[1]
    kind = {"event 0": "empty", "event 1": "zebra", "event 2": "empty"}
    labels = dict(zip(table.labels["event_id"], table.labels["species"], strict=True))
    assert labels == {event: kind[event] for event in table.events["event_id"]}
    assert len(read("lila", metadata.with_name("SnapshotSerengetiS01.json"))) == 3
    metadata.with_name("SnapshotSerengetiS01.json").write_text('{"images": [')
    with pytest.raises(InputError, match=r"the metadata is JSON.*Delete it and run again"):
        download.download(tmp_path / "2", [1], 3, 5, QUICK, server.base)


def test_a_picture_that_does_not_come_is_told_and_comes_in_the_next_run(server, tmp_path):
    server.misbehaviour = {"S1/B04/P0.JPG": ["503"] * QUICK.tries}
    with pytest.raises(InputError, match=r"1 did not, such as S1/B04/P0.JPG: .* 503.*Run the same"):
        download.download(tmp_path, [1], manners=QUICK, base=server.base)
    download.download(tmp_path, [1], manners=QUICK, base=server.base)
    assert there(tmp_path) == PICTURES


def test_paths_that_leave_the_folder_are_refused(server, tmp_path):
    server.files[download.METADATA.format(season=1)] = archive(["../../escaped.jpg"])
    with pytest.raises(InputError, match="paths of pictures stay in the folder"):
        download.download(tmp_path, [1], manners=QUICK, base=server.base)


def test_a_folder_that_cannot_be_written_to_is_told(server, tmp_path):
    (tmp_path / "S1").write_bytes(b"in the way")
    with pytest.raises(InputError, match=r"files can be written to .*S1.*run the same command"):
        download.download(tmp_path, [1], manners=QUICK, base=server.base)


def test_retry_after_as_a_number_and_as_a_date():
    assert download._retry_after("17") == 17
    assert download._retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert download._retry_after("soon") is None
    assert download._retry_after("Wed, 21 Oct 2099 07:28:00 GMT") > 0


def test_wrong_flags_are_told(tmp_path, capfd):
    assert cli.main(["download", f"--out={tmp_path}", "--seasons=12"]) == 2
    assert cli.main(["download", f"--out={tmp_path}", "--seasons=one"]) == 2
    assert cli.main(["download", f"--out={tmp_path}", "--seasons=1", "--connections=99"]) == 2
    assert "connections are 1 to 32" in capfd.readouterr().err
