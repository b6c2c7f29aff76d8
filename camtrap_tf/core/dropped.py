"""What was left out on the way, and why: shown to people, kept in the manifest."""

import dataclasses
from collections.abc import Iterable


@dataclasses.dataclass
class Dropped:
    """Things left out, by rule: how many, and a few examples.

    `add` returns nothing; an empty iterable adds nothing.
    """

    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    examples: dict[str, list[str]] = dataclasses.field(default_factory=dict)

    def add(self, rule: str, items: Iterable) -> None:
        """Counts `items` (ids, paths or rows) as dropped by `rule`; keeps five examples."""
        items = list(items)
        if items:
            self.counts[rule] = self.counts.get(rule, 0) + len(items)
            kept = self.examples.setdefault(rule, [])
            kept.extend(str(item) for item in items[: 5 - len(kept)])

    def merge(self, other: "Dropped") -> "Dropped":
        """Both reports in one."""
        both = Dropped(dict(self.counts), {rule: list(e) for rule, e in self.examples.items()})
        for rule, count in other.counts.items():
            both.counts[rule] = both.counts.get(rule, 0) + count
            both.examples[rule] = (both.examples.get(rule, []) + other.examples[rule])[:5]
        return both

    def to_json(self) -> dict:
        """The report as JSON values."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        if not self.counts:
            return "dropped nothing"
        width = max(len(f"{count:,}") for count in self.counts.values())
        rows = (
            f"  {count:>{width},}  {rule} (e.g. {', '.join(self.examples[rule][:2])})"
            for rule, count in self.counts.items()
        )
        return "\n".join(("dropped:", *rows))
