"""The files below infra/deploy/kubernetes, parsed."""

from pathlib import Path
from typing import Any

import yaml

from tests.house.tree import ROOT

FOLDER = ROOT / "infra/deploy/kubernetes"
KUSTOMIZE = ("Kustomization", "Component")
OVERLAYS = ("base", "per-function")
"""What is applied."""

Doc = dict[str, Any]


def documents(path: Path) -> list[Doc]:
    """The documents of one file."""
    return [found for found in yaml.safe_load_all(path.read_text()) if found is not None]


def files() -> list[Path]:
    """All YAML but gateway.yaml, which is no object of Kubernetes."""
    return sorted(path for path in FOLDER.rglob("*.yaml") if path.name != "gateway.yaml")


def of_kind(found: list[Doc], kind: str) -> dict[str, Doc]:
    """By name."""
    return {doc["metadata"]["name"]: doc for doc in found if doc["kind"] == kind}


def pod(deployment: Doc) -> Doc:
    """The specification of its pods."""
    spec: Doc = deployment["spec"]["template"]["spec"]
    return spec


def labels(deployment: Doc) -> Doc:
    """The labels of its pods."""
    found: Doc = deployment["spec"]["template"]["metadata"]["labels"]
    return found
