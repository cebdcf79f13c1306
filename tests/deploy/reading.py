"""What stands in `deploy/`, as its readers see it: documents of YAML, settings, rendered overlays."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests.house.reading import ROOT
from tests.patience import PATIENCE

DEPLOY: Final = ROOT / "deploy"
KUBERNETES: Final = DEPLOY / "kubernetes"
SCHEMAS: Final = Path(__file__).parent / "schemas"
OVERLAYS: Final = ("embedded", "cluster", "cloud-api-key", "cloud-mtls", "keda", "controller")
CUSTOM: Final = ("keda.sh", "temporal.io")

Document = dict[str, Any]


def documents(path: Path) -> list[Document]:
    """The documents of a file of YAML."""
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


def kustomization(folder: Path) -> Document:
    """What a folder of Kustomize is made of."""
    (found,) = documents(folder / "kustomization.yaml")
    return found


def members(folder: Path) -> list[Document]:
    """Every object that a folder brings, its bases included, before it is patched."""
    found: list[Document] = []
    for name in kustomization(folder).get("resources", ()):
        place = folder / name
        found += members(place.resolve()) if place.is_dir() else documents(place)
    return found


def literals(folder: Path) -> dict[str, str]:
    """The settings of a folder's ConfigMap, those of its bases included."""
    own = kustomization(folder)
    bases = (folder / name for name in own.get("resources", ()) if (folder / name).is_dir())
    found = {name: value for base in bases for name, value in literals(base.resolve()).items()}
    for generator in own.get("configMapGenerator", ()):
        found |= dict(line.split("=", 1) for line in generator["literals"])
    return found


def renderer() -> list[str] | None:
    """The command that renders an overlay, where this machine has one."""
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    return ["kubectl", "kustomize"] if shutil.which("kubectl") else None


@cache
def rendered(overlay: str) -> tuple[Document, ...]:
    """The objects that an overlay makes."""
    command = [*(renderer() or ()), str(KUBERNETES / overlay)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    return tuple(each for each in yaml.safe_load_all(done.stdout) if each)


def pod_of(document: Document) -> Document | None:
    """The pod that an object starts; None if it starts none."""
    found: Document | None = document.get("spec", {}).get("template", {}).get("spec")
    return found if found and "containers" in found else None


def variables(container: Document) -> dict[str, str | None]:
    """The variables that a container is given by name; None stands for one from a secret."""
    return {each["name"]: each.get("value") for each in container.get("env", ())}


def problems(document: object, reference: str) -> list[str]:
    """What is wrong with a document by a schema of `schemas/`, each with its place."""
    validator: Any = Draft202012Validator({"$ref": reference}, registry=_registry())
    return [f"{error.json_path}: {error.message}"[:300] for error in validator.iter_errors(document)]


def wrong(document: Document) -> list[str]:
    """What is wrong with an object of Kubernetes by the schema of its kind."""
    return problems(document, _schema_of(document))


def _schema_of(document: Document) -> str:
    group, _, version = str(document["apiVersion"]).rpartition("/")
    if group in CUSTOM:
        return f"custom-resources.yaml#/$defs/{document['kind']}"
    room = group.removesuffix(".k8s.io") or "core"
    return f"kubernetes-1.34.json#/$defs/io.k8s.api.{room}.{version}.{document['kind']}"


@cache
def _registry() -> Registry[Any]:
    def read(path: Path) -> Mapping[str, Any]:
        return json.loads(path.read_text()) if path.suffix == ".json" else yaml.safe_load(path.read_text())

    files = (path for path in sorted(SCHEMAS.iterdir()) if path.suffix in (".json", ".yaml"))
    registry: Registry[Any] = Registry()
    return registry.with_resources((path.name, Resource.from_contents(read(path))) for path in files)


def every_file() -> Iterator[Path]:
    """The files of YAML of every folder of Kustomize."""
    return (path for path in sorted(KUBERNETES.rglob("*.yaml")) if path.name != "kustomization.yaml")
