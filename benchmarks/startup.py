"""How long each verb takes to answer, and which imports that costs.

    python -m benchmarks.startup                # every verb
    python -m benchmarks.startup --verbs=predict,plan

`--help` declares a verb's flags, and so does every call before it looks at its inputs: what that
takes beside Python's own start is what the user waits for a mistyped flag. `import tensorflow` in
the same run is the limit that verbs which need it cannot go below; none may pay it for `--help`.
Each time is the least of some runs, one process each; imports are those of `python -X importtime`,
each package's own modules.
"""

import argparse
import collections
import re
import subprocess
import sys
import time

from camtrap_tf.cli import VERBS

LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| ( *)(\S+)")
TOLD = 0.02  # seconds: imports that are told


def seconds(command: list[str], runs: int) -> float:
    """The least wall time of a Python command."""
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], check=True, capture_output=True)
        taken.append(time.perf_counter() - start)
    return min(taken)


def imports(command: list[str]) -> dict[str, float]:
    """Seconds in each package's own modules, by package, the dearest first."""
    call = [sys.executable, "-X", "importtime", *command]
    told = subprocess.run(call, check=True, capture_output=True, text=True).stderr
    found: collections.Counter[str] = collections.Counter()
    for line in LINE.finditer(told):
        found[line[4].partition(".")[0]] += int(line[1]) / 1e6
    return dict(found.most_common())


def main() -> None:
    """Reads the flags, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--verbs", default=",".join(VERBS))
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    bare, limit = seconds(["-c", ""], given.runs), seconds(["-c", "import tensorflow"], given.runs)
    print(f"python alone {bare:.2f} s; import tensorflow {limit:.2f} s")
    for verb in given.verbs.split(","):
        command = ["-m", "camtrap_tf.cli", verb, "--help"]
        taken, cost = seconds(command, given.runs), imports(command)
        dear = ", ".join(f"{name} {own:.2f}" for name, own in cost.items() if own >= TOLD)
        print(f"{verb:18} --help {taken:.2f} s, {taken / limit:.2f} of TensorFlow's import: {dear}")


if __name__ == "__main__":
    main()
