"""The description of a Camtrap DP package, datapackage.json."""

import datetime
import re
import uuid
from typing import Any

import pandas as pd

from camtrap_tf.core.errors import InputError
from camtrap_tf.outputs import deployments
from camtrap_tf.outputs.options import Options

_URL = "https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0.2/"
SAMPLING_DESIGNS = (
    "simpleRandom", "systematicRandom", "clusteredRandom", "experimental", "targeted",
    "opportunistic",
)  # fmt: skip
# What is not taken over from the package that deployments come from: it is about its own tables.
_OWN_FIELDS = (
    "resources", "profile", "id", "name", "created", "version", "spatial", "temporal", "taxonomic",
)  # fmt: skip
IDS = uuid.UUID("6f0c6a52-1a3e-5d43-9a0e-2f4b3a3b7c11")  # names our ids; never to be changed


def facts(options: Options) -> dict[str, Any]:
    """Fields of datapackage.json that people must tell: of the project and who contributed."""
    source = deployments.package_fields(options.deployments)
    told = {key: value for key, value in source.items() if key not in _OWN_FIELDS}
    if options.package:
        given = deployments.read_fields(options.package)
        told |= {key: value for key, value in given.items() if key not in _OWN_FIELDS}
    project = {"individualAnimals": False, "captureMethod": ["activityDetection"]}
    project |= told.get("project", {})
    if options.project:
        project["title"] = told["title"] = options.project
    if options.sampling_design:
        project["samplingDesign"] = options.sampling_design
    if options.contributors:
        told["contributors"] = [{"title": name} for name in options.contributors]
    told["project"] = project | {"observationLevel": ["media", "event"]}
    absent = [
        flag
        for flag, value in (
            ("--project=TITLE", project.get("title")),
            (f"--sampling_design={'|'.join(SAMPLING_DESIGNS)}", project.get("samplingDesign")),
            ("--contributor=NAME", told.get("contributors")),
        )
        if not value
    ]
    if absent:
        raise InputError(
            "a Camtrap DP package names its project, how its places were chosen, and who made it",
            "no such words",
            f"Give {', '.join(absent)}, or --package=FILE.json with such fields.",
        )
    if project["samplingDesign"] not in SAMPLING_DESIGNS:
        raise InputError(
            f"samplingDesign is one of {', '.join(SAMPLING_DESIGNS)}",
            project["samplingDesign"],
            "Pick one of them.",
        )
    return told


def fields(
    facts: dict[str, Any],
    options: Options,
    sites: pd.DataFrame,
    starts: pd.Series,
    ends: pd.Series,
    names: pd.DataFrame,
) -> dict[str, Any]:
    """The content of datapackage.json."""
    title = facts.get("title") or facts["project"]["title"]
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "camera-traps"
    return {
        "resources": [_resource(name) for name in ("deployments", "media", "observations")],
        "profile": f"{_URL}camtrap-dp-profile.json",
        "name": slug,
        "id": str(uuid.uuid5(IDS, title)),
        "created": utc(options.answered_at.astimezone()),
        "title": title,
        **{key: value for key, value in facts.items() if key != "title"},
        "spatial": _spatial(sites),
        "temporal": {"start": f"{starts.min():%Y-%m-%d}", "end": f"{ends.max():%Y-%m-%d}"},
        "taxonomic": _taxonomic(names),
    }


def _resource(name: str) -> dict[str, str]:
    return {
        "name": name,
        "path": f"{name}.csv",
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": f"{_URL}{name}-table-schema.json",
    }


def _spatial(sites: pd.DataFrame) -> dict[str, Any]:
    """GeoJSON: the rectangle around the cameras, or the point of one."""
    x, y = (sites[column].astype(float) for column in ("longitude", "latitude"))
    west, east, south, north = x.min(), x.max(), y.min(), y.max()
    if (west, south) == (east, north):
        return {"type": "Point", "coordinates": [west, south]}
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def _taxonomic(names: pd.DataFrame) -> list[dict[str, Any]]:
    """The taxa that were seen, each once."""
    taxa = names[names["scientificName"].notna()].drop_duplicates("scientificName")
    fields = ["scientificName", "taxonRank", "class", "order", "family", "genus"]
    listed = []
    for row in taxa.sort_values("scientificName").to_dict("records"):
        taxon = {field: row[field] for field in fields if not pd.isna(row[field])}
        if not pd.isna(row["vernacularName"]):
            taxon["vernacularNames"] = {"eng": row["vernacularName"]}
        listed.append(taxon)
    return listed


def utc(time: datetime.datetime) -> str:
    """A time with a zone as '2020-01-02T03:04:05Z'."""
    return time.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
