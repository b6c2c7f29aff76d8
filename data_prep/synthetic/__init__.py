"""A synthetic Serengeti: drawn pictures with metadata in the format of the Dryad release.

Nothing it writes is a photograph and none of its numbers is a field result: it exists so that the
demo and the tests can run the whole chain, from metadata to report, without a download. Every
picture says SYNTHETIC in its information bar and in its EXIF. What it shares with the real data is
what makes them hard: bursts of one to three frames labelled as a whole, 75% empty events, a long
tail of species, infrared nights, sites with their own background, volunteers who disagree, and
frames of an animal event on which no animal is to be seen.

Everything follows from `World`: the same World gives the same bytes, whatever the number of
processes (with the same versions of NumPy and Pillow).

    synthetic.write(synthetic.World(), "serengeti")  # 600 events, 1,630 pictures

Each module imports those before it: `art` draws and knows of animals, places and light only;
`habits` and `world` say what there is to photograph; `events` plans who takes which picture when;
`scenes` places animals; `volunteers` tell what they see; `shooting` makes the pictures; `tables`
and `writing` write.
"""

from data_prep.synthetic.world import World
from data_prep.synthetic.writing import write

__all__ = ["World", "write"]
