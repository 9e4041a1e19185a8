"""What a kustomization comes to, for the few of its words that ours use: the program itself is no library.

`test_kubernetes` holds this against the real one wherever there is one.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

type Manifest = dict[str, Any]

KNOWN = {"apiVersion", "kind", "labels", "resources", "namespace", "images", "configMapGenerator", "patches"}


def rendered(folder: Path) -> list[Manifest]:
    said = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert said.keys() <= KNOWN, f"{folder}: {said.keys() - KNOWN} is not known here"
    manifests: list[Manifest] = []
    for name in said["resources"]:
        place = (folder / name).resolve()
        manifests += rendered(place) if place.is_dir() else yaml.safe_load_all(place.read_text())
    manifests += [config_map(folder, **each) for each in said.get("configMapGenerator", ())]
    for manifest in manifests:
        for labels in said.get("labels", ()):
            manifest["metadata"].setdefault("labels", {}).update(labels["pairs"])
        if "namespace" in said and manifest["kind"] != "Namespace":
            manifest["metadata"]["namespace"] = said["namespace"]
        for image in said.get("images", ()):
            name_images(manifest, image)
        for patch in said.get("patches", ()):
            if patch["target"] == {"kind": manifest["kind"], "name": manifest["metadata"]["name"]}:
                for change in yaml.safe_load(patch["patch"]):
                    replace(manifest, **change)
    return manifests


def config_map(folder: Path, *, name: str, envs: list[str]) -> Manifest:
    lines = [line for each in envs for line in (folder / each).read_text().splitlines()]
    pairs = (line.partition("=") for line in lines if line.strip() and not line.startswith("#"))
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": {key: value for key, _, value in pairs},
    }


def name_images(part: Any, image: dict[str, str]) -> None:
    if isinstance(part, list):
        for each in part:
            name_images(each, image)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key == "image" and value == image["name"]:
                part[key] = f"{image['newName']}:{image['newTag']}"
            else:
                name_images(value, image)


def replace(manifest: Manifest, *, op: str, path: str, value: Any) -> None:
    assert op == "replace"
    *way, last = (int(word) if word.isdigit() else word for word in path.strip("/").split("/"))
    place: Any = manifest
    for word in way:
        place = place[word]
    assert place[last] != "", "what is replaced is there"
    place[last] = value


# --- The program ---------------------------------------------------------------------------------


def program() -> list[str]:
    """The command of the real one, in a version that knows these words; nothing if there is none."""
    if found := shutil.which("kustomize"):
        return [found, "build"]
    if found := shutil.which("kubectl"):
        asked = subprocess.run(
            [found, "version", "--client", "--output=json"], capture_output=True, check=False
        )
        try:
            version = json.loads(asked.stdout).get("kustomizeVersion", "v0")
        except ValueError:
            version = "v0"
        if int(version.lstrip("v").partition(".")[0]) >= 5:
            return [found, "kustomize"]
    return []
