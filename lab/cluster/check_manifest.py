"""Checks the manifest of docs/command-line.md against the schema that the Kubernetes API publishes.

    python3 check_manifest.py

Prints a line for each check, and exits with 1 when one fails. `pip install -r requirements.txt` first.
"""
import copy
import pathlib
import re
import sys

import kubernetes_validate
import yaml

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "command-line.md"
# The first and the last that the package knows.
VERSIONS = ["1.25", "1.37"]

failures = 0


def report(what, passed, detail=""):
    global failures
    failures += not passed
    print(f"{'ok  ' if passed else 'FAIL'} {what}{': ' if detail else ''}{detail}", flush=True)


def problem(manifest, version):
    """The schema's complaints about a manifest, unknown fields included; empty if it is valid."""
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
        return ""
    except kubernetes_validate.ValidationError as error:
        return f"{'.'.join(map(str, error.path))}: {error.message}"


def main():
    blocks = re.findall(r"^```yaml\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.M | re.S)
    report("one manifest in the document", len(blocks) == 1, f"{len(blocks)}")
    manifest = yaml.safe_load(blocks[0])
    job, misspelled, mistyped = manifest["spec"], copy.deepcopy(manifest), copy.deepcopy(manifest)
    misspelled["spec"]["completion"] = misspelled["spec"].pop("completions")
    mistyped["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = 8
    for version in VERSIONS:
        found = problem(manifest, version)
        report(f"Kubernetes {version} takes it", found == "", found)
        for what, other in [("a misspelled field", misspelled), ("a number for a text", mistyped)]:
            found = problem(other, version)
            report(f"Kubernetes {version} refuses {what}", found != "", found)
    env = {one["name"]: one["value"] for one in job["template"]["spec"]["containers"][0]["env"]}
    report("a pod knows the number of pods", env["JOB_COMPLETION_COUNT"] == str(job["completions"]))
    sys.exit(failures > 0)


main()
