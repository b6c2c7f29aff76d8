"""Checks files with the formats' own validators; runs in the environment of `make validators`.

python check.py megadetector FILE.json
python check.py camtrap_dp PACKAGE SCHEMAS

SCHEMAS is a folder with the three table schemas and the profile of Camtrap DP 1.0.2. Nothing is
fetched: the schemas are put into the description, and the profile's references to the Data
Package and GeoJSON schemas, which lie elsewhere, are replaced by frictionless' own and dropped.
"""

import json
import sys
from pathlib import Path


def megadetector(file: str) -> list[str]:
    """Errors and warnings of the package `megadetector`."""
    from megadetector.postprocessing.validate_batch_results import validate_batch_results

    results = validate_batch_results(file)["validation_results"]
    return results["errors"] + results["warnings"]


def camtrap_dp(package: str, schemas: str) -> list[str]:
    """Errors of the tables, as frictionless sees them, and of datapackage.json."""
    from frictionless import Package

    path = Path(package) / "datapackage.json"
    fields = json.loads(path.read_text(encoding="utf-8"))
    errors = _profile_errors(fields, Path(schemas))
    del fields["profile"]
    for resource in fields["resources"]:
        schema = Path(schemas) / resource["schema"].rpartition("/")[2]
        resource["schema"] = json.loads(schema.read_text(encoding="utf-8"))
    report = Package.from_descriptor(fields, basepath=package).validate()
    found = report.flatten(["name", "rowNumber", "fieldName", "type", "message"])
    return errors + [" ".join(map(str, error)) for error in found]


def _profile_errors(fields: dict, schemas: Path) -> list[str]:
    import jsonschema

    profile = json.loads((schemas / "camtrap-dp-profile.json").read_text(encoding="utf-8"))
    profile["allOf"] = [part for part in profile["allOf"] if "$ref" not in part]
    for part in profile["allOf"]:
        del part["properties"]["spatial"]["$ref"]
    validator = jsonschema.Draft4Validator(profile, format_checker=jsonschema.FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(fields)]


if __name__ == "__main__":
    problems = {"megadetector": megadetector, "camtrap_dp": camtrap_dp}[sys.argv[1]](*sys.argv[2:])
    print("\n".join(problems) or "valid")
    sys.exit(bool(problems))
