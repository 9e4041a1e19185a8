"""The pipeline: what its schema says, no action by a name that may move, no right and no secret beyond its need."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema

FOLDER = Path(__file__).resolve().parents[2] / ".github/workflows"
FILES = sorted(FOLDER.glob("*.yml"))


def read(path: Path) -> dict[str, Any]:
    # Not by YAML 1.1, to which `on` is a yes.
    told: dict[Any, Any] = yaml.safe_load(path.read_text())
    return {"on" if name is True else name: value for name, value in told.items()}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_workflow_is_what_its_schema_says_and_may_little(path: Path) -> None:
    """Seen to fail: with `step` for `steps`; with a tag for a commit; with `permissions: write-all`; with a secret."""
    said = read(path)
    jsonschema.validate(said, get_builtin_schema("vendor.github-workflows"))
    assert said["permissions"] == {}
    for job in said["jobs"].values():
        writes = {name for name, right in job["permissions"].items() if right != "read"}
        assert writes <= ({"packages"} if path.stem == "release" else set())
        assert job["timeout-minutes"]
        for step in job["steps"]:
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step.get("uses", f"a/b@{40 * '0'}"))
    assert "secrets." not in path.read_text()


def test_zizmor_finds_nothing() -> None:
    """Seen to fail: with credentials that persist; with `${{ github.ref_name }}` in a script."""
    program = Path(sys.executable).with_name("zizmor")
    asked = subprocess.run(
        [program, "--offline", "--no-progress", "--color=never", FOLDER],
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stdout[-3000:]


def test_there_are_the_four() -> None:
    assert [path.stem for path in FILES] == ["gate", "image", "release", "scan"]


def test_what_is_released_says_its_version_and_was_scanned_before() -> None:
    """And each night the image is, too, with all libraries. Not shown: that the scanner finds what it should, for there
    is no engine here. Seen to fail: without the version.
    """
    steps = [str(step) for step in read(FOLDER / "release.yml")["jobs"]["image"]["steps"]]
    [built] = [number for number, step in enumerate(steps) if "docker build" in step]
    [scanned] = [number for number, step in enumerate(steps) if "anchore/scan-action" in step]
    [pushed] = [number for number, step in enumerate(steps) if "docker push" in step]
    assert built < scanned < pushed
    assert 'RELEASE="${GITHUB_REF_NAME#v}"' in steps[built]
    night = read(FOLDER / "scan.yml")
    assert {"requirements*.txt", "Dockerfile"} <= set(night["on"]["pull_request"]["paths"])
    building, scanning = (str(step) for step in night["jobs"]["image"]["steps"][1:])
    assert "requirements-reporting.txt" in building
    assert "anchore/scan-action" in scanning
    audit = (FOLDER.parents[1] / "bin/check").read_text().partition("\ncheck_audit()")[2].partition("\n}")[0]
    for lock in FOLDER.parents[1].glob("requirements*.txt"):
        product = lock.stem in {"requirements", "requirements-reporting"}
        assert (f" {lock.name}" in audit) == product
