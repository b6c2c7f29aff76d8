"""What the formats need to know beside the predictions."""

import dataclasses
import datetime
import typing
from collections.abc import Mapping, Sequence

from camtrap_tf.core.artifacts import PathLike

if typing.TYPE_CHECKING:
    from camtrap_tf.answers.boxes import NamedBoxes


@dataclasses.dataclass(frozen=True)
class Options:
    """Each format reads what concerns it.

    Args:
        pictures: folder that the predictions' paths are relative to.
        boxes: what is in each box of the pictures (boxes.parquet); None: nothing is known of boxes.
        completed: when the pictures were answered, local time; now when None.
        guard_formulas: `csv`: an apostrophe before texts that look like formulas.
        bom: `csv`: the files begin with the mark by which Excel knows UTF-8.
        floor: `megadetector`: lowest animal probability that is written as a detection.
        species: `camtrap_dp`, `speciesnet`: CSV file of scientific names by label, or
            'serengeti' (`outputs/species.py`).
        link: `folders`: 'symbolic' or 'hard'.
        people: `folders`: 'show' pictures that show people, or 'hide' them (`answers.people`).
        deployments: `camtrap_dp`: CSV file of deployments, or a Camtrap DP package that has them.
        places: `camtrap_dp`: latitude and longitude by folder, where there is no such file.
        time_zone: `camtrap_dp`: that of the cameras' clocks, such as '+03:00'.
        summer_time: `camtrap_dp`: the clocks follow the zone's summer time; else they keep the
            offset that it had when their deployment began.
        without_time: `camtrap_dp`: 'error', or 'leave_out' pictures without a time and list them.
        package: `camtrap_dp`: JSON file with fields of datapackage.json.
        project: `camtrap_dp`: title of the project.
        sampling_design: `camtrap_dp`: one of `datapackage.SAMPLING_DESIGNS`.
        contributors: `camtrap_dp`: names.
        media_url: `camtrap_dp`: where the pictures are to be had, before their paths.
    """

    pictures: PathLike | None = None
    boxes: "NamedBoxes | None" = None
    completed: datetime.datetime | None = None
    guard_formulas: bool = True
    bom: bool = False
    floor: float = 0.1
    species: PathLike | None = None
    link: str = "symbolic"
    people: str = "show"
    deployments: PathLike | None = None
    places: Mapping[str, tuple[float, float]] = dataclasses.field(default_factory=dict)
    time_zone: str | None = None
    summer_time: bool = False
    without_time: str = "error"
    package: PathLike | None = None
    project: str | None = None
    sampling_design: str | None = None
    contributors: Sequence[str] = ()
    media_url: str | None = None

    @property
    def answered_at(self) -> datetime.datetime:
        """`completed`, or now."""
        return self.completed or datetime.datetime.now()
