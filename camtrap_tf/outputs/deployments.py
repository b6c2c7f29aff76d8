"""Where and when cameras stood, and which picture belongs to which deployment.

Deployments come from a CSV file with Camtrap DP's columns, from a Camtrap DP package, or from
folder names with coordinates. A CSV file needs deploymentID, latitude and longitude; a column
`folder` may say in which folder a deployment's pictures lie.

A picture belongs to the deployment whose folder, deploymentID, locationID or locationName is
its site; else its folder or one above it ('S1/B04/R1', 'S1/B04', 'S1'); else the name of one of
those ('R1', 'B04', 'S1'). Where several deployments match, as at one location in turn, it is
the last one that began before the picture was taken.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from camtrap_tf.core.artifacts import PathLike, existing_file
from camtrap_tf.core.errors import InputError
from camtrap_tf.events import csv_files, path_columns

PACKAGE = "datapackage.json"
COLUMNS = (
    "deploymentID", "locationID", "locationName", "latitude", "longitude",
    "coordinateUncertainty", "deploymentStart", "deploymentEnd", "setupBy", "cameraID",
    "cameraModel", "cameraDelay", "cameraHeight", "cameraDepth", "cameraTilt", "cameraHeading",
    "detectionDistance", "timestampIssues", "baitUse", "featureType", "habitat",
    "deploymentGroups", "deploymentTags", "deploymentComments",
)  # fmt: skip
_NAMES = ("folder", "deploymentID", "locationID", "locationName")
_LIMITS = {"latitude": 90, "longitude": 180}
_FIRST_ROW = 2  # line 1 of a CSV file is its header


def read(
    path: PathLike | None, places: Mapping[str, tuple[float, float]] | None = None
) -> pd.DataFrame:
    """Deployments, columns `folder` and `COLUMNS`, all text, missing where empty.

    Args:
        path: a CSV file, the folder of a Camtrap DP package or its datapackage.json; or None.
        places: latitude and longitude by folder, in place of a file; '' is every folder.

    Raises:
        InputError: neither, no such file, or a row that breaks a rule.
    """
    if path is None:
        table, source = _of_places(places or {}), "--place"
    else:
        file = _csv_of(Path(path))
        table, source = _read_csv(file), str(file)
    table = table.reindex(columns=["folder", *COLUMNS]).astype("string")
    table["folder"] = path_columns.normal(table["folder"]).str.strip("/")
    _check(table, source)
    return table


def package_fields(path: PathLike | None) -> dict:
    """The fields of datapackage.json where `path` is a Camtrap DP package; else none.

    Raises:
        InputError: it is not JSON.
    """
    if path is None:
        return {}
    path = Path(path) / PACKAGE if Path(path).is_dir() else Path(path)
    return read_fields(path) if path.suffix.lower() == ".json" else {}


def read_fields(path: PathLike) -> dict:
    """A JSON object.

    Raises:
        InputError: no such file, or something else.
    """
    path = existing_file(path, PACKAGE)
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path.name} is JSON", str(path), f"Mend it: {error}.") from error
    if not isinstance(fields, dict):
        raise InputError(f"{path.name} is a JSON object", type(fields).__name__, "Mend it.")
    return fields


def assign(ids: pd.DataFrame, deployments: pd.DataFrame, starts: pd.Series) -> np.ndarray:
    """[ids] int: the position of each picture's deployment.

    Args:
        ids: `path`, `site`, `datetime` of pictures.
        deployments: as `read` returns.
        starts: [deployments] datetime64, local, missing where unknown.

    Raises:
        InputError: a picture that belongs to none.
    """
    slashes = path_columns.normal(ids["path"])
    site_code, sites = pd.factorize(ids["site"].fillna(""))
    folder_code, folders = pd.factorize(slashes.str.replace(r"/?[^/]*$", "", regex=True))
    code, pairs = pd.factorize(site_code * len(folders) + folder_code)
    keys = [(sites[pair // len(folders)], folders[pair % len(folders)]) for pair in pairs]
    named = _by_name(deployments)
    found = [_matches(site, folder, named) for site, folder in keys]
    stray = np.array([not matches for matches in found], bool)
    if stray.any():
        raise _stray(code, keys, stray, deployments)
    place = np.array([matches[0] for matches in found] or [0])[code]
    for key, matches in enumerate(found):
        if len(matches) > 1:
            rows = np.flatnonzero(code == key)
            place[rows] = _by_time(ids["datetime"].iloc[rows], matches, starts)
    return place


def _csv_of(path: Path) -> Path:
    if path.is_dir():
        path = path / PACKAGE
    if path.suffix.lower() != ".json":
        return existing_file(path, "a CSV file of deployments")
    for resource in read_fields(path).get("resources", []):
        if isinstance(resource, dict) and resource.get("name") == "deployments":
            return existing_file(path.parent / str(resource.get("path")), "deployments")
    raise InputError(
        "a Camtrap DP package has the resource deployments", str(path), "Give a CSV file."
    )


def _read_csv(path: Path) -> pd.DataFrame:
    needed = {name: name for name in ("deploymentID", "latitude", "longitude")}
    others = {name: name for name in ("folder", *COLUMNS)}
    return csv_files.read(path, needed, others, newlines=True).astype("string")


def _of_places(places: Mapping[str, tuple[float, float]]) -> pd.DataFrame:
    if not places:
        raise InputError(
            "Camtrap DP says where the cameras stood",
            "no deployments",
            "Give --deployments=FILE.csv (columns deploymentID, latitude, longitude), or "
            "--place=FOLDER=LATITUDE,LONGITUDE for every camera's folder.",
        )
    rows = [
        {
            "folder": folder,
            "deploymentID": folder or "camera",
            "latitude": at[0],
            "longitude": at[1],
        }
        for folder, at in places.items()
    ]
    return pd.DataFrame(rows).astype("string")


def _check(table: pd.DataFrame, source: str) -> None:
    if table.empty:
        raise InputError("there is at least one deployment", 0, f"Complete {source}.")
    _refuse(table["deploymentID"].isna(), "every deployment has a deploymentID", table, source)
    repeated = table["deploymentID"].duplicated()
    _refuse(repeated, "a deploymentID occurs once", table, source, "deploymentID")
    for column, limit in _LIMITS.items():
        number = pd.to_numeric(table[column], errors="coerce").astype(float)
        rule = f"{column} is a number of degrees from -{limit} to {limit}"
        _refuse(~(number.abs() <= limit), rule, table, source, column)


def _refuse(
    wrong: pd.Series, rule: str, table: pd.DataFrame, source: str, column: str | None = None
) -> None:
    if wrong.any():
        row = int(wrong.to_numpy(bool).argmax())
        value = table[column].iloc[row] if column else None
        where = "--place" if source == "--place" else f"row {row + _FIRST_ROW} of {source}"
        raise InputError(rule, None if value is pd.NA else value, f"Correct {where}.")


def _by_name(deployments: pd.DataFrame) -> dict[str, list[int]]:
    """Positions of deployments by each of their names."""
    named: dict[str, list[int]] = {}
    for column in _NAMES:
        for row, name in deployments[column].dropna().items():
            rows = named.setdefault(name, [])
            if row not in rows:
                rows.append(row)
    return named


def _matches(site: str, folder: str, named: dict[str, list[int]]) -> list[int]:
    """Positions of the deployments that a site and folder may mean."""
    parts = folder.split("/")
    above = ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
    candidates = [*([site] if site else []), *above, *reversed(parts), ""]
    return next((named[name] for name in candidates if name in named), [])


def _by_time(times: pd.Series, matches: list[int], starts: pd.Series) -> np.ndarray:
    """[times] the last of the deployments that began before; the first where none did."""
    begins = starts.iloc[matches].to_numpy("datetime64[us]")
    order = np.argsort(begins)  # unknown ones last
    known = order[: np.count_nonzero(~np.isnat(begins))]
    if not len(known):
        return np.full(len(times), matches[0])
    taken = times.to_numpy("datetime64[us]")
    place = np.searchsorted(begins[known], taken, side="right") - 1
    place = np.where(np.isnat(taken), 0, np.maximum(place, 0))
    return np.asarray(matches)[known[place]]


def _stray(
    code: np.ndarray, keys: list[tuple[str, str]], stray: np.ndarray, deployments: pd.DataFrame
):
    site, folder = keys[int(stray.argmax())]
    count = int(stray[code].sum())
    shown = ", ".join(deployments["deploymentID"].iloc[:3])
    return InputError(
        "every picture lies in the folder, or at the site, of a deployment",
        f"{count:,} pictures that do not, e.g. folder '{folder}'"
        + (f", site '{site}'" if site else ""),
        f"Add a column `folder` to the deployments ({shown}, ...), or a row.",
    )
