"""Reads the blocks of code of the documentation and runs them in a small drawn world.

A block is fenced with ```bash or ```python. A comment on the line before it,
`<!-- not run: WHY -->`, leaves it out. Of bash only `camtrap` and `camtrap-edge` are run, in this
process; another command has to be marked as not run. Trainings are cut to an epoch on small crops,
a review is answered by a program, and `camtrap-edge watch` looks once.

A block of bash that is followed by a ```text block beginning with `error:` must fail and say that.

    python -m tests.documented docs/troubleshooting.md    # writes what the commands say today
"""

import collections
import contextlib
import dataclasses
import io
import json
import os
import re
import shlex
import shutil
import sys
import tempfile
import textwrap
import uuid
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from PIL import Image

from camtrap_tf import cli
from camtrap_tf.events.table import EventTable
from camtrap_tf.reviewing import server

SHORT = ("--set=train.epochs=1", "--set=model.crop=48", "--set=train.batch_size=8")
SHORTENED = {"train": SHORT, "quickstart": ("--epochs=1",)}
ANSWERED = 30  # events that a review answers

_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<why>[^\n]+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


@dataclasses.dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, and why it is not run (None: it is)."""

    language: str
    text: str
    not_run: str | None
    says: str | None = None  # the error that it must end with

    def commands(self) -> list[list[str]]:
        """The block's lines as words, without comments."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [words for words in (shlex.split(line, comments=True) for line in lines) if words]


def blocks(page: Path) -> list[Block]:
    """All blocks of a page in their order."""
    found = list(_BLOCK.finditer(page.read_text(encoding="utf-8")))
    after = [*(one["text"] for one in found[1:]), ""]
    says = [text if text.startswith("error:") else None for text in after]
    return [
        Block(one["language"], one["text"], one["why"], said)
        for one, said in zip(found, says, strict=False)
    ]


def run_page(page: Path) -> None:
    """Runs a page's blocks in the current folder, those of Python in one namespace."""
    names: dict = {}
    for block in blocks(page):
        if block.not_run:
            continue
        if block.language == "python":
            exec(compile(block.text, page.name, "exec"), names)
        elif block.says:
            assert matches(failing(block), block.says), block.text
        elif block.language == "bash":
            for words in block.commands():
                run(words)


def run(words: list[str]) -> None:
    """Runs one command; an AssertionError if it fails."""
    program, *arguments = words
    if program == "camtrap-edge":
        from export.edge import cli as edge

        assert edge.main([*arguments, "--once"]) == 0, words
        return
    assert program == "camtrap", f"mark the block as not run, or show a camtrap command: {words}"
    short = SHORTENED.get(arguments[0], ())
    with _reviews_answered_by_program():
        assert cli.main([*arguments, *short]) == 0, words


def matches(said: str, shown: str) -> bool:
    """Whether a text is what a page shows: line breaks aside, and with any text for `...`."""
    parts = map(re.escape, " ".join(shown.split()).split("..."))
    return re.fullmatch(".*".join(parts), " ".join(said.split())) is not None


def failing(block: Block) -> str:
    """What the only command of a block says when it fails, as a line."""
    ((_, verb, *arguments),) = block.commands()
    short = SHORTENED.get(verb, ())  # before the others, which may be what is wrong
    said = io.StringIO()
    with contextlib.redirect_stderr(said), _reviews_answered_by_program():
        assert cli.main([verb, *short, *arguments]) == 2, block.text
    (line,) = [line for line in said.getvalue().splitlines() if line.startswith("error: ")]
    return line


@contextlib.contextmanager
def _reviews_answered_by_program() -> Iterator[None]:
    served, server.serve = server.serve, _answer
    try:
        yield
    finally:
        server.serve = served


def _answer(session, port: int) -> None:
    """Answers a session's first events by what was drawn, through the page's own requests."""
    truth = json.loads(Path("truth.json").read_text())
    client = server.application(session).test_client()
    with client.get("/") as page:  # closes the file
        assert page.status_code == 200
    for event in client.get(f"/api/events?start=0&count={ANSWERED}").json["events"]:
        species = truth[event["frames"][0]["name"]]
        sightings = [{"species": species, "count": None, "attributes": {}}] if species else []
        content = {
            "id": uuid.uuid4().hex, "event_id": event["event_id"], "seconds": 1.0,
            "verdict": "animal" if species else "empty", "sightings": sightings,
            "queue": session.queue,
        }  # fmt: skip
        assert client.post("/api/answers", json=content).status_code == 200


def outputs(page: Path) -> set[str]:
    """Files and folders that a page's commands write; they are not there when it begins."""
    found = [one for one in blocks(page) if one.language == "bash" and not one.not_run]
    done = [words for block in found if not block.says for words in block.commands()]
    return {path for words in done for path in _written(words)}


def _written(words: list[str]) -> Iterator[str]:
    names = ("--out", "--export_events") + (("--run",) if words[1] == "train" else ())
    for word in words:
        name, equals, path = word.partition("=")
        if name in names and equals:
            yield path


def begin(world: Path, folder: Path, page: Path) -> None:
    """Copies the world for a page, without what the page's commands write."""
    shutil.copytree(world, folder)
    for name in outputs(page):
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def draw(folder: Path) -> None:
    """Everything that the pages take for granted, drawn.

    PICTURES with project.json (COCO), labels.csv and serengeti/ (Dryad); NEW_PICTURES, CARD_1,
    CARD_2 and DCIM, folders of one camera each; SEASON, folders of all cameras, and pictures.csv,
    a list of their pictures, without labels; SORTED by species; deployments.csv; EMPTY;
    one_site.parquet, one_class (shards without an empty picture), dates.csv (day or month first?);
    truth.json says what is on which picture.
    """
    from data_prep import sources, synthetic

    species = ("zebra", "elephant", "giraffe")
    drawn = {"events": 60, "sites": 4, "seasons": 1, "size": (160, 120), "species": species}
    synthetic.write(synthetic.World(empty_share=0.4, **drawn), folder / "serengeti")
    (folder / "serengeti" / "images").rename(folder / "PICTURES")
    table = sources.read("dryad", folder / "serengeti")
    _Drawn(folder, table).write()
    (folder / "EMPTY").mkdir()
    _draw_mistakes(folder, table)


def _draw_mistakes(folder: Path, table: EventTable) -> None:
    events, labels = table.events, table.labels
    one_site = events["event_id"][events["site"] == events["site"].iloc[0]]
    table.keep(one_site).write(folder / "one_site.parquet")
    animals = labels["event_id"][labels["species"] != "empty"]
    table.keep(animals).write(folder / "one_class.parquet")
    rows = "a/1.jpg,zebra,3/4/2020 10:00\na/2.jpg,lion,5/6/2020 11:00\n"
    (folder / "dates.csv").write_text(f"path,species,datetime\n{rows}")
    flags = [f"--events={folder / 'one_class.parquet'}", f"--images={folder / 'PICTURES'}"]
    flags += [f"--out={folder / 'one_class'}", "--split=event", "--size=128"]
    assert cli.main(["shard", *flags]) == 0


class _Drawn:
    """Writes the drawn pictures' labels in the forms that the pages read."""

    def __init__(self, folder: Path, table: EventTable):
        self.folder = folder
        first = table.labels.drop_duplicates("event_id").set_index("event_id")["species"]
        site = table.events.set_index("event_id")["site"]
        rows = table.frames[["event_id", "path"]].join(site, on="event_id")
        taken = [_taken(folder / "PICTURES" / path) for path in rows["path"]]
        species = rows["event_id"].map(first).fillna("empty")
        self.rows = rows.assign(species=species, datetime=pd.to_datetime(taken))

    def write(self) -> None:
        """Writes all of them."""
        self._coco()
        self._tables()
        self._folders()

    def _coco(self) -> None:
        names = sorted(set(self.rows["species"]))
        ids = {name: number for number, name in enumerate(names)}
        images = [
            {
                "id": row.path, "file_name": row.path, "seq_id": row.event_id,
                "location": row.site, "datetime": str(row.datetime),
            }
            for row in self.rows.itertuples()
        ]  # fmt: skip
        annotations = [
            {"id": number, "image_id": row.path, "category_id": ids[row.species]}
            for number, row in enumerate(self.rows.itertuples())
        ]
        categories = [{"id": number, "name": name} for name, number in ids.items()]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (self.folder / "project.json").write_text(json.dumps(content))

    def _tables(self) -> None:
        rows, folder = self.rows, self.folder
        renamed = rows.rename(columns={"path": "File", "species": "Label"})
        renamed[["File", "Label", "site", "datetime"]].to_csv(folder / "labels.csv", index=False)
        plain = rows.assign(species="")[["path", "species", "site", "datetime"]]
        plain.to_csv(folder / "pictures.csv", index=False)
        shown = rows["species"].where(rows["species"] != "empty", "")
        names = [Path(path).name for path in rows["path"]]
        (folder / "truth.json").write_text(json.dumps(dict(zip(names, shown, strict=True))))

    def _folders(self) -> None:
        folder, pictures = self.folder, self.folder / "PICTURES"
        cameras = collections.defaultdict(list)
        for path in self.rows["path"]:
            cameras[path.split("/")[1]].append(path)
        for number, paths in enumerate(cameras.values(), start=1):
            for path in paths:
                _copy(pictures / path, folder / f"SEASON/camera_{number}/{Path(path).name}")
        for site, number in zip(sorted(cameras), (1, 2), strict=False):
            for path in cameras[site]:
                _copy(pictures / path, folder / f"NEW_PICTURES/camera_{number}/{Path(path).name}")
            for path in cameras[site][:6]:
                _copy(pictures / path, folder / f"CARD_{number}/{Path(path).name}")
        shutil.copytree(folder / "CARD_1", folder / "DCIM")
        (folder / "demo").mkdir()
        (folder / "demo" / "shards").symlink_to("../shards")
        for row in self.rows.itertuples():
            _copy(pictures / row.path, folder / "SORTED" / row.species / Path(row.path).name)
        text = "deploymentID,latitude,longitude\ncamera_1,-2.45,34.82\ncamera_2,-2.46,34.83\n"
        (folder / "deployments.csv").write_text(text)


def _taken(path: Path) -> str:
    with Image.open(path) as picture:
        return picture.getexif().get_ifd(0x8769)[0x9003].replace(":", "-", 2)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, target)


def update(page: Path) -> None:
    """Writes into a page what its failing commands say, in the current folder's world."""
    text = page.read_text(encoding="utf-8")
    for block in blocks(page):
        said = failing(block) if block.says else ""
        if block.says and not matches(said, block.says):
            command = f"```bash\n{block.text}```\n\n```text\n"
            said = said.replace(str(Path.cwd()), "...")
            said = textwrap.fill(said, 96, break_long_words=False, break_on_hyphens=False)
            text = text.replace(f"{command}{block.says}```", f"{command}{said}\n```")
    page.write_text(text, encoding="utf-8")


def main() -> None:
    """Draws a world, runs the README in it, and updates the pages that are named."""
    pages = [Path(name).resolve() for name in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        draw(Path())
        run_page(Path(__file__).parents[1] / "README.md")
        for page in pages:
            update(page)


if __name__ == "__main__":
    main()
