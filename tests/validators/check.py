"""Checks files with the formats' own validators; runs in the environment of `make validators`.

python check.py megadetector FILE.json
python check.py camtrap_dp PACKAGE SCHEMAS
python check.py speciesnet FILE.json EXPECTED.json
python check.py dockerfile|kubernetes|shell FILE

SCHEMAS is a folder with the three table schemas and the profile of Camtrap DP 1.0.2. Nothing is
fetched: the schemas are put into the description, and the profile's references to the Data
Package and GeoJSON schemas, which lie elsewhere, are replaced by frictionless' own and dropped.

EXPECTED is an object: by path the common name that the file's answer has for its readers; '' of an
empty picture, 'failure' of one without an answer.
"""

import importlib.util
import json
import subprocess
import sys
import types
import unittest.mock
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


def speciesnet(file: str, expected: str) -> list[str]:
    """What SpeciesNet's loader and megadetector-utils' converter read otherwise than expected."""
    wanted = json.loads(Path(expected).read_text(encoding="utf-8"))
    answered = {path for path, name in wanted.items() if name != "failure"}
    load = _of_speciesnet("utils").load_partial_predictions
    try:
        loaded, again = load(file, [{"filepath": path} for path in wanted])
    except RuntimeError as error:
        return [str(error)]
    found = _converted(file)
    problems = [f"{path}: {found.get(path)}, not {name}" for path, name in wanted.items()
                if found.get(path) != name]  # fmt: skip
    if set(loaded) != answered or len(again) != len(wanted) - len(answered):
        problems.append(f"SpeciesNet takes {sorted(loaded)}")
    return problems


def _of_speciesnet(module: str) -> types.ModuleType:
    """A module of the package, without its networks and what reaches for clouds."""
    spec = importlib.util.find_spec("speciesnet")
    package = types.ModuleType("speciesnet")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["speciesnet"] = package
    for absent in ("cloudpathlib", "huggingface_hub", "kagglehub"):
        sys.modules[absent] = unittest.mock.MagicMock()
    return importlib.import_module(f"speciesnet.{module}")


def _converted(file: str) -> dict[str, str]:
    """By path the species of the surest detection, as MegaDetector's format has it."""
    from megadetector.utils import wi_taxonomy_utils

    out = str(Path(file).with_suffix(".converted.json"))
    content = wi_taxonomy_utils.generate_md_results_from_predictions_json(file, out)
    names = content["classification_categories"]
    return {
        image["file"]: "failure" if image["detections"] is None
        else names[image["detections"][0]["classifications"][0][0]] if image["detections"] else ""
        for image in content["images"]
    }  # fmt: skip


def dockerfile(file: str) -> list[str]:
    """What hadolint finds."""
    return _complaints("hadolint", "--no-color", file)


def kubernetes(file: str) -> list[str]:
    """What does not fit the API's schemas; strictly: a field that they do not have is an error."""
    return _complaints("kubernetes-validate", "--strict", file)


def shell(file: str) -> list[str]:
    """What shellcheck finds."""
    return _complaints("shellcheck", file)


def _complaints(program: str, *arguments: str) -> list[str]:
    """What a program of this environment says, if it ends with another status than 0."""
    call = [Path(sys.prefix) / "bin" / program, *arguments]
    done = subprocess.run(call, capture_output=True, text=True)
    return [f"{program}: {done.stdout}{done.stderr}"] if done.returncode else []


CHECKS = {
    "megadetector": megadetector,
    "camtrap_dp": camtrap_dp,
    "speciesnet": speciesnet,
    "dockerfile": dockerfile,
    "kubernetes": kubernetes,
    "shell": shell,
}

if __name__ == "__main__":
    problems = CHECKS[sys.argv[1]](*sys.argv[2:])
    print("\n".join(problems) or "valid")
    sys.exit(bool(problems))
