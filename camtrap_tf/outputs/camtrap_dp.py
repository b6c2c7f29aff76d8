"""Camtrap DP 1.0.2 packages: datapackage.json, deployments.csv, media.csv, observations.csv.

The format is that of https://camtrap-dp.tdwg.org. Every picture has one observation of level
'media', every capture event one of level 'event', in the same file.

- `observationType` and `scientificName` come from the answer's word (`outputs/species.py`);
  the type of an unknown animal is 'unknown', the standard's word for what no classification is
  sure enough of.
- `count` is the lower bound of the answer's bin, because 11-50 is no number; the bin is in
  `observationTags` as countBin:11-50, beside the model's own word, label:lionFemale.
- `behavior` is what more likely than not is done, 'moving | eating', most probable first;
  `lifeStage` is 'juvenile' where there are young.
- Further species of an event have observations of level 'event' of their own: those that a
  person saw, and, where no person answered, those that the network is sure of on single
  pictures, or sees in boxes beside others, made of such pictures alone (`outputs/further.py`).
- Where it is known what is in each box of a picture (`answers.boxes`), there is one observation of
  level 'media' per box, with `bboxX`, `bboxY`, `bboxWidth` and `bboxHeight`. Of several in one
  picture each has the count 1, and nothing is said of what it does; the one box of a picture has
  the count and behaviour of the picture. Otherwise a picture has one observation, without a box.
- `classifiedBy` is the model with the hash of its bundle, or the person.
- A picture whose species was changed by reading it with its event has what it says by itself as a
  comment.
- A picture that could not be read is 'unclassified', with its reason as a comment.
- Times have the UTC offset that the clock of their deployment had when it was set, see
  `outputs/clock.py`. A picture without a time stops the export, or is left out and listed in
  camtrap_dp_left_out.csv; no time is invented.
- `filePublic` is false. `filePath` is relative to the picture folder, or begins with `media_url`.
"""

import datetime
import json
import logging
import mimetypes
import re
import urllib.parse
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from camtrap_tf import __version__
from camtrap_tf.answers.boxes import Parts, parts
from camtrap_tf.answers.predictions import ANIMAL, Predictions
from camtrap_tf.core import heads
from camtrap_tf.core.artifacts import PathLike, write_text
from camtrap_tf.core.commands import counted
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.heads import attributes
from camtrap_tf.core.labels import MISSING, count_lower_bound
from camtrap_tf.events.table import find
from camtrap_tf.outputs import csv, datapackage, deployments, further, species
from camtrap_tf.outputs.clock import offsets, skipped, stamped, zone
from camtrap_tf.outputs.options import Options

log = logging.getLogger("camtrap")

MEDIA_COLUMNS = (
    "mediaID", "deploymentID", "captureMethod", "timestamp", "filePath", "filePublic", "fileName",
    "fileMediatype", "exifData", "favorite", "mediaComments",
)  # fmt: skip
OBSERVATION_COLUMNS = (
    "observationID", "deploymentID", "mediaID", "eventID", "eventStart", "eventEnd",
    "observationLevel", "observationType", "cameraSetupType", "scientificName", "count",
    "lifeStage", "sex", "behavior", "individualID", "individualPositionRadius",
    "individualPositionAngle", "individualSpeed", "bboxX", "bboxY", "bboxWidth", "bboxHeight",
    "classificationMethod", "classifiedBy", "classificationTimestamp", "classificationProbability",
    "observationTags", "observationComments",
)  # fmt: skip
_PATH = re.compile(r"(?=^[^./~])(^((?!\.{2}).)*$).*")  # of the standard: relative, without '..'


def check(options: Options, folder: PathLike) -> None:
    """Raises InputError unless the options tell what the package must say."""
    _clock(options)
    datapackage.facts(options)
    deployments.read(options.deployments, options.places)
    species.names((), options.species)


def write_files(predictions: Predictions, folder: Path, options: Options) -> list[Path]:
    """Writes the package into the folder camtrap_dp."""
    write(predictions, folder / "camtrap_dp", options)
    return [folder / "camtrap_dp"]


def write(predictions: Predictions, folder: PathLike, options: Options) -> None:
    """Writes a package; datapackage.json, which makes it one, is written last.

    Args:
        predictions: one row per picture; `datetime` is camera-local.
        folder: of the package.
        options: deployments (or places), time zone, and what a package says of its project.

    Raises:
        InputError: a missing option, a picture that belongs to no deployment or has no time, or
            a path that the standard does not allow.
    """
    folder, clock, facts = Path(folder), _clock(options), datapackage.facts(options)
    predictions, timeless = _timed(predictions, folder, options)
    if predictions.ids["path"].isna().any():
        raise InputError(
            "Camtrap DP lists pictures", "rows without a path", "Give predictions of pictures."
        )
    sites = deployments.read(options.deployments, options.places)
    starts = _local(sites, "deploymentStart", clock)
    place = deployments.assign(predictions.ids, sites, starts)
    times = predictions.ids["datetime"].to_numpy("datetime64[us]")
    taken = pd.Series(times).groupby(place).agg(["min", "max"]).reindex(range(len(starts)))
    starts = starts.fillna(taken["min"])
    set_at = offsets(starts, clock)  # of the clocks, when they were set
    ends = _local(sites, "deploymentEnd", clock, None if options.summer_time else set_at)
    ends = ends.fillna(taken["max"]).fillna(starts)
    for column, known in (("deploymentStart", starts), ("deploymentEnd", ends)):
        minutes = offsets(known, clock) if options.summer_time else set_at
        sites[column] = sites[column].where(_has_offset(sites[column]), stamped(known, minutes))
    minutes = _of_events(predictions, times, clock) if options.summer_time else set_at[place]
    words = tuple(dict.fromkeys((*predictions.words, *further.of_people(predictions).words)))
    names = species.names(words, options.species).set_axis(list(words))
    writer = _Writer(predictions, options, minutes, sites["deploymentID"].to_numpy(object), names)
    (folder / deployments.PACKAGE).unlink(missing_ok=True)
    used = starts.notna()  # all but those that have neither pictures nor dates
    csv.write_rows([sites.loc[used, list(deployments.COLUMNS)]], folder / "deployments.csv", False)
    csv.write_rows(writer.media(place, times), folder / "media.csv", False)
    csv.write_rows(writer.observations(place, times), folder / "observations.csv", False)
    if timeless:
        csv.write_rows(timeless, left_out(folder))
    _warn(writer, place, times, starts, ends)
    _tell_clocks(times, starts, ends, clock, options)
    seen = names[names.index.isin(writer.seen)]
    fields = datapackage.fields(facts, options, sites[used], starts, ends, seen)
    text = json.dumps(fields, indent=1, ensure_ascii=False)
    write_text(folder / deployments.PACKAGE, text + "\n")


def _clock(options: Options) -> datetime.tzinfo:
    if not options.time_zone:
        raise InputError(
            "Camtrap DP gives every time with its UTC offset",
            "no time zone",
            "Give it as the cameras' clocks are set, such as --time_zone=+03:00.",
        )
    return zone(options.time_zone)


def left_out(folder: Path) -> Path:
    """The list of the pictures that a package does not hold."""
    return folder.with_name(f"{folder.name}_left_out.csv")


def _timed(
    predictions: Predictions, folder: Path, options: Options
) -> tuple[Predictions, list[pd.DataFrame]]:
    """The pictures that have a time, and a table of the others.

    Raises:
        InputError: there are others, and `without_time` does not leave them out; or none has one.
    """
    ids = predictions.ids
    known = ids["datetime"].notna().to_numpy()
    if known.all():
        return predictions, []
    if options.without_time != "leave_out" or not known.any():
        raise InputError(
            "every picture of a Camtrap DP package has a time",
            f"{(~known).sum():,} of {len(ids):,} pictures without one, such as "
            f"{ids['path'][~known].iloc[0]}",
            "Predict with metadata that tell it, or, where some pictures have one, give "
            f"--without_time=leave_out, which lists the others in {left_out(folder).name}.",
        )
    log.warning(
        "%s of %s pictures have no time and are left out of the package: listed in %s",
        f"{(~known).sum():,}", f"{len(ids):,}", left_out(folder),
    )  # fmt: skip
    listed = ids.loc[~known, ["path", "event_id", "failure"]].assign(reason="no time")
    return predictions.select(known), [listed]


def _of_events(predictions: Predictions, times: np.ndarray, clock: datetime.tzinfo) -> np.ndarray:
    """[pictures] minutes from UTC of clocks that follow summer time: those of an event's begin."""
    begins = pd.Series(times).groupby(predictions.event_codes()).transform("min")
    return offsets(begins, clock)


def _local(
    sites: pd.DataFrame, column: str, clock: datetime.tzinfo, minutes: np.ndarray | None = None
) -> pd.Series:
    """[deployments] datetime64, camera-local; a day alone ends at its last second.

    Args:
        sites: the deployments.
        column: of their table.
        clock: zone that times with an offset are brought to.
        minutes: [deployments] from UTC, in place of the zone.
    """
    texts = sites[column]
    aware = _has_offset(texts)
    zoned = pd.to_datetime(texts.where(aware), utc=True, format="ISO8601", errors="coerce")
    local = pd.to_datetime(texts.where(~aware), format="ISO8601", errors="coerce")
    if column == "deploymentEnd":
        whole_day = texts.str.len() == len("2020-01-02")
        local += pd.to_timedelta(whole_day.fillna(False).astype(int) * 86_399, unit="s")
    if minutes is None:
        shown = zoned.dt.tz_convert(clock).dt.tz_localize(None)
    else:
        shown = zoned.dt.tz_localize(None) + pd.to_timedelta(minutes, unit="m")
    times = shown.fillna(local)
    wrong = texts.notna() & times.isna()
    if wrong.any():
        raise InputError(
            f"{column} is a time such as 2020-01-02T03:04:05+03:00",
            texts[wrong].iloc[0],
            f"Correct deployment {sites['deploymentID'][wrong].iloc[0]}.",
        )
    return times.astype("datetime64[us]")


def _has_offset(texts: pd.Series) -> pd.Series:
    return texts.str.contains(r":\d\d(?:Z|[+-]\d\d:\d\d)$", na=False)


class _Writer:
    """Rows of media and observations, block by block."""

    def __init__(
        self,
        predictions: Predictions,
        options: Options,
        minutes: np.ndarray,
        sites: np.ndarray,
        names: pd.DataFrame,
    ):
        self.predictions, self.options = predictions, options
        self.minutes = minutes  # [pictures] of their times from UTC
        self.sites, self.names = sites, names
        self.seen: set[str] = set()  # words that were answered
        info = predictions.info
        model = ", ".join(str(info[key]) for key in ("model", "model_version") if key in info)
        self.model = f"camtrap_tf {__version__}: {model}".removesuffix(": ")
        self.answered_at = datapackage.utc(options.answered_at.astimezone())

    def media(self, place: np.ndarray, times: np.ndarray) -> Iterator[pd.DataFrame]:
        """Rows of media.csv."""
        for rows in self.predictions.blocks():
            ids = self.predictions.ids.iloc[rows]
            paths = ids["path"]
            files = _file_paths(paths, self.options)
            table = {
                "mediaID": self._media_ids(paths, place[rows]),
                "deploymentID": self.sites[place[rows]],
                "captureMethod": None,
                "timestamp": stamped(times[rows], self.minutes[rows]),
                "filePath": files,
                "filePublic": "false",
                "fileName": paths.str.rpartition("/")[2].to_numpy(object),
                "fileMediatype": _media_types(paths),
                "mediaComments": ("seems damaged: " + ids["doubt"]).to_numpy(object, na_value=None),
            }
            yield pd.DataFrame(table, columns=list(MEDIA_COLUMNS))

    def observations(self, place: np.ndarray, times: np.ndarray) -> Iterator[pd.DataFrame]:
        """Rows of observations.csv: of pictures, of events, and of events' further species."""
        for rows in self.predictions.blocks():
            part = self.predictions.select(rows)
            stamps = stamped(times[rows], self.minutes[rows])
            media = self._media_ids(part.ids["path"], place[rows])
            seen = parts(part, self.options.boxes)
            links = {
                "observationID": media + "_media",
                "deploymentID": self.sites[place[rows]],
                "mediaID": media,
                "eventID": part.event_names().to_numpy(object),
                "eventStart": stamps,
                "eventEnd": stamps,
            }
            links = {name: values[seen.picture] for name, values in links.items()}
            links["observationID"] += _numbered(seen.number())
            yield self._observed(seen.answers, links | {"observationLevel": "media"} | _bbox(seen))
        known = _spans_of_events(
            self.predictions.event_codes(), self.sites[place], times, self.minutes
        )
        start = 0
        for rows in self.predictions.event_blocks():
            part = self.predictions.select(rows)
            events = part.by_event()
            own = known.iloc[start : start + len(events)]
            yield self._observed(events, self._event_links(events.event_names(), own))
            yield from self._further(
                further.of_single_frames(part, events, self.options.boxes),
                events.event_names(),
                own,
            )
            start += len(events)
        events = self.predictions.event_names().drop_duplicates()
        yield from self._further(further.of_people(self.predictions), events, known)

    def _further(
        self, seen: Predictions, names: pd.Series, known: pd.DataFrame
    ) -> Iterator[pd.DataFrame]:
        """Further species of events; `frame` numbers those of one."""
        if len(seen):
            at = find(seen.event_names(), names)
            links = self._event_links(seen.event_names(), known.iloc[at])
            links["observationID"] += _numbered(1 + seen.ids["frame"].to_numpy(int))
            yield self._observed(seen, links)

    def _event_links(self, names: pd.Series, known: pd.DataFrame) -> dict[str, Any]:
        events = names.to_numpy(object)
        return {
            "observationID": events + "_event",
            "deploymentID": known["site"].to_numpy(object),
            "eventID": events,
            "eventStart": stamped(known["min"], known["minutes"].to_numpy()),
            "eventEnd": stamped(known["max"], known["minutes"].to_numpy()),
            "observationLevel": "event",
        }

    def _media_ids(self, paths: pd.Series, place: np.ndarray) -> np.ndarray:
        """[paths] object: the same whenever the same picture of the same deployment is written."""
        pairs = zip(self.sites[place], paths, strict=True)
        return np.array(
            [str(uuid.uuid5(datapackage.IDS, f"{site}/{path}")) for site, path in pairs], object
        )

    def _observed(self, part: Predictions, links: dict[str, Any]) -> pd.DataFrame:
        words, by_person = part.answers(), part.reviewed()
        self.seen.update(words.dropna().unique())
        answered = words.notna().to_numpy()
        known = self.names.reindex(words).reset_index(drop=True)
        types = known["observationType"].fillna("unclassified")
        animal = (types == "animal").to_numpy(bool)
        shown = answered & (types != "blank").to_numpy(bool)
        table = links | {
            "observationType": types,
            "scientificName": known["scientificName"],
            "count": self._counts(part, shown),
            "lifeStage": _standard(part, "lifeStage", animal).fillna(
                _only(_top(part, "babies", animal) == 1, "juvenile")
            ),
            "sex": known["sex"].fillna(_standard(part, "sex", animal)),
            "behavior": _behaviours(part, animal),
            **self._classified(part, answered, by_person),
            "observationTags": _tags(part, words, shown, animal),
            "observationComments": _comments(part, answered),
        }
        return pd.DataFrame(table, columns=list(OBSERVATION_COLUMNS))

    def _counts(self, part: Predictions, shown: np.ndarray) -> pd.Series:
        bins = part.classes.get("count", ())
        bounds = np.array([*map(count_lower_bound, bins), 0])
        return pd.Series(bounds[_top(part, "count", shown)]).replace(0, pd.NA).astype("Int32")

    def _classified(
        self, part: Predictions, answered: np.ndarray, by_person: np.ndarray
    ) -> dict[str, Any]:
        """How, by whom, when and how surely."""
        reviewed_at = np.datetime_as_string(part.ids["reviewed_at"].to_numpy("datetime64[s]"))
        times = np.where(by_person, np.char.add(reviewed_at, "Z"), self.answered_at)
        known = ~(by_person & part.ids["reviewed_at"].isna().to_numpy())
        people = part.ids["reviewed_by"].to_numpy(object)
        return {
            "classificationMethod": _only(answered, np.where(by_person, "human", "machine")),
            "classifiedBy": _only(answered, np.where(by_person, people, self.model)),
            "classificationTimestamp": _only(answered & known, times),
            "classificationProbability": np.where(by_person, np.nan, part.answer_confidence()),
        }


def _numbered(number: np.ndarray) -> np.ndarray:
    """[rows] object: what the ids of observations end with, nothing of number 0, then _2, _3."""
    return np.array([f"_{n + 1}" if n else "" for n in number], object)


def _bbox(seen: Parts) -> dict[str, np.ndarray]:
    """The columns of boxes, empty of whole pictures; rounded, they are still parts of a picture."""
    left, top, width, height = seen.sides.T.astype(float)
    least = 10.0**-csv.DECIMALS
    sizes = {"bboxWidth": np.maximum(width, least), "bboxHeight": np.maximum(height, least)}
    return {"bboxX": left, "bboxY": top, **sizes}


def _tags(part: Predictions, words: pd.Series, shown: np.ndarray, animal: np.ndarray) -> pd.Series:
    """The model's own word, bin of the count, and answers that have no column: 'collar:yes'."""
    labels = "label:" + words.str.replace(r"[|:]", "-", regex=True)
    count = _top(part, "count", shown)
    bins = np.array([*part.classes.get("count", ()), ""], object)
    tags = pd.Series(np.where(count != MISSING, labels + " | countBin:" + bins[count], labels))
    for head, names in part.classes.items():
        if _column(part, head) == "observationTags":
            top = _top(part, head, animal)
            said = np.array([f" | {_tag(head)}:{_tag(name)}" for name in names] + [""], object)
            tags += said[top]
    return _only(shown, tags)


def _tag(text: str) -> str:
    """A text without the signs that divide tags."""
    return re.sub(r"[|:]", "-", text)


def _standard(part: Predictions, head: str, alive: np.ndarray) -> pd.Series:
    """[part] the answers of a head that the standard has a column for, of its values alone."""
    names = [name if name in _VALUES[head] else None for name in part.classes.get(head, ())]
    if not names or heads.find(head, part.classes[head]).camtrap_dp != head:
        return pd.Series(None, index=range(len(part)), dtype=object)
    return pd.Series(np.array([*names, None], object)[_top(part, head, alive)])


# Columns of observations, by head, and the values that the standard allows in them.
_VALUES = {
    "sex": ("female", "male"),
    "lifeStage": ("adult", "subadult", "juvenile"),
}


def _only(rows: np.ndarray, values: Any) -> pd.Series:
    """[rows] the values, none beside the rows."""
    return pd.Series(values, index=range(len(rows)), dtype=object).where(rows)


def _spans_of_events(
    codes: np.ndarray, sites: np.ndarray, times: np.ndarray, minutes: np.ndarray
) -> pd.DataFrame:
    """By event, `site` and `minutes` of its first picture, and `min` and `max` of its times."""
    spans = pd.Series(times).groupby(codes).agg(["min", "max"])
    first = np.unique(codes, return_index=True)[1]
    return spans.assign(site=sites[first], minutes=minutes[first])


def _top(part: Predictions, head: str, rows: np.ndarray) -> np.ndarray:
    """[part] the head's answer, -1 where it has none, or beside `rows`."""
    if head not in part.classes:
        return np.full(len(part), MISSING)
    return np.where(rows, part.top(head), MISSING)


def _column(part: Predictions, head: str) -> str:
    """The column of an observation that a head is written to."""
    return heads.find(head, part.classes[head]).camtrap_dp


def _behaviours(part: Predictions, alive: np.ndarray) -> np.ndarray:
    """[part] text or None: what is done, the most probable first."""
    heads = [name for name in attributes(part.classes) if _column(part, name) == "behavior"]
    texts = np.full(len(part), None, object)
    if not heads:
        return texts
    probability = np.stack([part.probabilities[head][:, 1] for head in heads], axis=1)
    shown = np.stack([_top(part, head, alive) == 1 for head in heads], axis=1)
    order = np.argsort(-probability, axis=1, kind="stable")
    for row in np.flatnonzero(shown.any(axis=1)):
        texts[row] = " | ".join(heads[i] for i in order[row] if shown[row, i])
    return texts


def _comments(part: Predictions, answered: np.ndarray) -> pd.Series:
    """Why there is no answer, or what a picture says that was read with its event."""
    reasons = ("unreadable: " + part.ids["failure"]).fillna("no answer").where(~answered)
    if not part.own:
        return reasons
    alone = part.alone()
    sure = pd.Series(alone.answer_confidence()).map("{:.2f}".format)
    said = "read with its event; by itself: " + alone.answers() + " (" + sure + ")"
    changed = part.read_with_event() & answered & ~part.reviewed()
    return reasons.mask(changed, said)


def _file_paths(paths: pd.Series, options: Options) -> np.ndarray:
    """[paths] as the standard allows them.

    Raises:
        InputError: a path that it does not allow.
    """
    if options.media_url:
        base = options.media_url.rstrip("/") + "/"
        quoted = [urllib.parse.quote(path).replace("..", "%2E%2E") for path in paths]
        return np.array([base + path for path in quoted], object)
    wrong = [path for path in paths if not _PATH.fullmatch(path)]
    if wrong:
        raise InputError(
            "Camtrap DP has paths that do not begin with '/', '.' or '~' and hold no '..'",
            wrong[0],
            "Predict with a folder that the pictures lie in, rename the file, or give "
            "--media_url=https://...",
        )
    return paths.to_numpy(object)


def _media_types(paths: pd.Series) -> np.ndarray:
    """[paths] object: image/jpeg, ..."""
    code, suffixes = pd.factorize(paths.str.extract(r"(\.\w+)$", expand=False).fillna(""))
    guessed = [mimetypes.guess_type(f"x{suffix}")[0] or "" for suffix in suffixes]
    kinds = ("image/", "video/", "audio/")
    return np.array([g if g.startswith(kinds) else "image/jpeg" for g in guessed], object)[code]


def _tell_clocks(
    times: np.ndarray,
    starts: pd.Series,
    ends: pd.Series,
    clock: datetime.tzinfo,
    options: Options,
) -> None:
    """Says what was taken for granted about clocks in zones with summer time."""
    changed = int((offsets(starts, clock) != offsets(ends, clock))[starts.notna()].sum())
    if changed and not options.summer_time:
        log.info(
            "past a change of summer time in %s: %s; the clock is taken to have kept the offset of "
            "the first day; --summer_time says that it followed it",
            options.time_zone, counted(changed, "deployments"),
        )  # fmt: skip
    never = skipped(times, clock) if options.summer_time else np.zeros(0, bool)
    if never.any():
        log.warning(
            "a time that never was in %s: %s, such as %s; clocks were put forward over it, and it "
            "is written with the offset before",
            options.time_zone, counted(int(never.sum()), "pictures"),
            times[never][0].astype("datetime64[s]"),
        )  # fmt: skip


def _warn(
    writer: _Writer, place: np.ndarray, times: np.ndarray, starts: pd.Series, ends: pd.Series
) -> None:
    """Tells what a reader of the package should know."""
    begin, end = (x.to_numpy("datetime64[us]")[place] for x in (starts, ends))
    outside = int(((times < begin) | (times > end)).sum())
    if outside:
        told = counted(outside, "pictures")
        log.warning("taken outside the time of the deployment: %s", told)
    seen = writer.names[writer.names.index.isin(writer.seen)]
    nameless = seen["scientificName"].isna() & (seen["observationType"] == "animal")
    words = [word for word in seen.index[nameless] if word != ANIMAL]
    if words:
        log.warning(
            "no scientific name for %s: give --species=FILE.csv (columns label, scientificName)",
            ", ".join(words),
        )
