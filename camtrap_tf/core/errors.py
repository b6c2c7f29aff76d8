"""The one error that means 'your input is wrong', worded so that it can be mended."""


class InputError(ValueError):
    """Bad input: a rule, the value that breaks it, and the way out.

    The command line prints it as one line and exits with status 2; a notebook sees a
    `ValueError`.

    Args:
        rule: what must hold, as a statement ("`size` is at least 1").
        value: what was received.
        way_out: what to do about it, a full sentence.

    >>> str(InputError("size is at least 1", 0, "Give a size such as 256."))
    'size is at least 1; received 0. Give a size such as 256.'
    """

    def __init__(self, rule: str, value: object, way_out: str):
        self.rule, self.value, self.way_out = rule, value, way_out
        super().__init__(rule, value, way_out)

    def __str__(self) -> str:
        return f"{self.rule}; received {self.value!r}. {self.way_out}"


def require(holds: bool, rule: str, value: object, way_out: str) -> None:
    """Raises `InputError` unless `holds`.

    >>> require(256 >= 1, "size is at least 1", 256, "Give a size such as 256.")
    """
    if not holds:
        raise InputError(rule, value, way_out)


class DamagedFile(InputError):
    """A file that is not what was written, as its checksum tells.

    Args:
        path: of the file.
        way_out: how to get it whole again.
        found: what is wrong; its checksum, where nothing else is known.
    """

    def __init__(self, path: object, way_out: str, found: str = "its checksum does not fit"):
        super().__init__("a file is as it was written", f"{path}: {found}", way_out)
        self.args = (path, way_out, found)  # as pickling asks, between processes
