"""The Kubernetes files, held to the published schemas, to gateway.yaml and to each other. No cluster has run them."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from infra.config import load
from infra.config.objects import Manifest
from infra.units import duration
from tests.house.tree import ROOT
from tests.infra.deploy.cluster import FOLDER, KUSTOMIZE, OVERLAYS, Doc, documents, files, labels, of_kind, pod

VERSIONS = ("1.32", "1.37")
"""The oldest and the newest that the files are for; `sleep` of preStop is 1.30's."""
ENVIRON = {"DATABASE_URL": "postgresql://aethergate@postgres/aethergate"}
OBJECTS = [doc for path in files() for doc in documents(path) if doc["kind"] not in KUSTOMIZE]
KUSTOMIZATIONS = [path for path in files() if path.name == "kustomization.yaml"]


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return load(FOLDER / "base/gateway.yaml", ENVIRON)


@pytest.fixture(scope="module", params=OVERLAYS)
def rendered(request: pytest.FixtureRequest) -> list[Doc]:
    """What `kubectl apply -k` would send."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed; the files themselves are still checked")
    command = ["kubectl", "kustomize", str(FOLDER / request.param)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert found.stderr == ""
    return list(yaml.safe_load_all(found.stdout))


def valid(doc: Doc, version: str) -> None:
    kubernetes_validate.validate(doc, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("doc", OBJECTS, ids=lambda doc: f"{doc['kind']}-{doc['metadata']['name']}")
def test_every_object_is_as_the_published_schema_says(doc: Doc, version: str) -> None:
    valid(doc, version)


def test_the_schemas_would_find_a_misspelt_field() -> None:
    doc = next(doc for doc in OBJECTS if doc["kind"] == "Service")
    with pytest.raises(kubernetes_validate.ValidationError):
        valid({**doc, "spec": {**doc["spec"], "portz": []}}, VERSIONS[-1])


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: path.parent.name)
def test_what_a_kustomization_names_is_there_and_nothing_is_forgotten(path: Path) -> None:
    (doc,) = documents(path)
    assert doc["apiVersion"].startswith("kustomize.config.k8s.io/")
    named = [*doc.get("resources", []), *doc.get("components", [])]
    named += [file for each in doc.get("configMapGenerator", []) for file in each["files"]]
    for name in named:
        target = path.parent / name
        assert target.is_file() or (target / "kustomization.yaml").is_file(), name
    there = {each.name for each in path.parent.iterdir()} - {"kustomization.yaml"}
    assert there == {name for name in named if not name.startswith("..")}


def test_the_manifest_of_the_cluster_is_faultless_and_offers_what_ours_does(manifest: Manifest) -> None:
    ours = load(ROOT / "gateway.yaml", {})
    assert manifest.endpoints == ours.endpoints
    assert manifest.gateway.database == ENVIRON["DATABASE_URL"]


def test_probes_are_open_routes_of_the_manifest(manifest: Manifest) -> None:
    there = {f"{route.method} {route.path}" for e in manifest.endpoints if e.access == "open" for route in e.routes}
    (container,) = pod(of_kind(OBJECTS, "Deployment")["aethergate"])["containers"]
    asked = {name: each["httpGet"]["path"] for name, each in container.items() if name.endswith("Probe")}
    assert asked == {
        "startupProbe": "/health/live",
        "livenessProbe": "/health/live",
        "readinessProbe": "/health/ready",
    }
    assert {f"GET {path}" for path in asked.values()} <= there


def test_a_pod_may_drain_for_as_long_as_the_manifest_says(manifest: Manifest) -> None:
    found = pod(of_kind(OBJECTS, "Deployment")["aethergate"])
    waits = found["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert found["terminationGracePeriodSeconds"] >= waits + manifest.gateway.drain + 30
    assert duration("10m") == manifest.gateway.drain


def test_an_update_takes_no_pod_away_before_the_new_one_is_ready() -> None:
    found = of_kind(OBJECTS, "Deployment")["aethergate"]["spec"]
    assert found["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert found["replicas"] >= 2


def test_nobody_in_a_pod_is_root_or_can_write_but_where_it_must(rendered: list[Doc]) -> None:
    user = next(line for line in (ROOT / "infra/deploy/Dockerfile").read_text().splitlines() if line[:5] == "USER ")
    for deployment in of_kind(rendered, "Deployment").values():
        found = pod(deployment)
        assert found["securityContext"]["runAsNonRoot"] is True
        assert user == f"USER {found['securityContext']['runAsUser']}:{found['securityContext']['runAsGroup']}"
        assert found["automountServiceAccountToken"] is False
        (container,) = found["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        mounts = {each["mountPath"]: each.get("readOnly", False) for each in container["volumeMounts"]}
        assert {path for path, readonly in mounts.items() if not readonly} == {"/data", "/tmp"}
        assert container["workingDir"] == "/data"
        assert container["resources"]["limits"]["memory"]


def test_without_a_database_of_its_own_no_pod_starts() -> None:
    (container,) = pod(of_kind(OBJECTS, "Deployment")["aethergate"])["containers"]
    (found,) = [each for each in container["env"] if each["name"] == "DATABASE_URL"]
    assert found["valueFrom"]["secretKeyRef"] == {"name": "aethergate", "key": "DATABASE_URL"}  # not optional


def test_no_secret_is_in_the_files() -> None:
    assert [doc for doc in OBJECTS if doc["kind"] == "Secret"] == []
    assert "sk-" not in "".join(path.read_text() for path in files())


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_sent_to_the_cluster_is_valid(rendered: list[Doc], version: str) -> None:
    for doc in rendered:
        valid(doc, version)


def chosen(selector: Doc, rendered: list[Doc]) -> list[str]:
    """The Deployments whose pods have all these labels."""
    every = of_kind(rendered, "Deployment").items()
    return [name for name, each in every if selector.items() <= labels(each).items()]


def test_every_selector_finds_the_pods_of_one_deployment(rendered: list[Doc]) -> None:
    for kind, inner in (("Deployment", "matchLabels"), ("PodDisruptionBudget", "matchLabels"), ("Service", None)):
        for name, doc in of_kind(rendered, kind).items():
            selector = doc["spec"]["selector"]
            assert chosen(selector if inner is None else selector[inner], rendered) == [name], (kind, name)
    for name, doc in of_kind(rendered, "HorizontalPodAutoscaler").items():
        target = doc["spec"]["scaleTargetRef"]
        assert (target["kind"], target["name"]) == ("Deployment", name)
        assert "replicas" not in of_kind(rendered, "Deployment")[name]["spec"]


def test_what_pods_refer_to_is_there_or_is_the_secret_that_the_owner_makes(rendered: list[Doc]) -> None:
    maps = set(of_kind(rendered, "ConfigMap"))
    assert len(maps) == 1
    for name, deployment in of_kind(rendered, "Deployment").items():
        (container,) = pod(deployment)["containers"]
        used = {each["configMap"]["name"] for each in pod(deployment)["volumes"] if "configMap" in each}
        assert used == (set() if name == "aethergate-room" else maps)
        secrets = {each["secretRef"]["name"] for each in container.get("envFrom", [])}
        secrets |= {each["valueFrom"]["secretKeyRef"]["name"] for each in container["env"] if "valueFrom" in each}
        assert secrets == {"aethergate"}
        assert container["image"] == "aethergate:latest"


def test_ports_fit_together(rendered: list[Doc]) -> None:
    services = of_kind(rendered, "Service")
    for name, deployment in of_kind(rendered, "Deployment").items():
        (container,) = pod(deployment)["containers"]
        args = container["args"]
        (port,) = container["ports"]
        assert args[args.index("--port") + 1] == str(port["containerPort"])
        (offered,) = services[name]["spec"]["ports"]
        assert (offered["targetPort"], offered["port"]) == (port["name"], port["containerPort"])
    room = pod(of_kind(rendered, "Deployment")["aethergate-room"])["containers"][0]["args"]
    assert (
        room[room.index("--api-url") + 1] == f"http://aethergate:{services['aethergate']['spec']['ports'][0]['port']}"
    )


def backend(ingress: Doc, path: str) -> str:
    """The service to which an Ingress sends a path: the exact one, else the longest prefix."""
    rules = ingress["spec"]["rules"][0]["http"]["paths"]
    fits: list[tuple[bool, int, Any]] = [
        (rule["pathType"] == "Exact", len(rule["path"]), rule)
        for rule in rules
        if path == rule["path"]
        or (rule["pathType"] == "Prefix" and f"{path}/".startswith(rule["path"].rstrip("/") + "/"))
    ]
    return str(max(fits, key=lambda fit: fit[:2])[2]["backend"]["service"]["name"])


@pytest.mark.parametrize("rendered", ["per-function"], indirect=True)
def test_every_route_ends_at_a_pod_that_serves_its_function(rendered: list[Doc], manifest: Manifest) -> None:
    ingress, deployments = of_kind(rendered, "Ingress")["aethergate"], of_kind(rendered, "Deployment")
    alone = set()
    for endpoint in manifest.endpoints:
        for route in endpoint.routes:
            name = backend(ingress, route.path.replace("{id:path}", "a/b").replace("{id}", "a"))
            (container,) = pod(deployments[name])["containers"]
            only = container["args"][container["args"].index("--only") + 1 :] if "--only" in container["args"] else []
            assert only in ([], [endpoint.name]), route.path
            alone |= set(only)
    assert alone == {"chat_completions", "completions", "embeddings", "models", "account"}
    assert len(deployments) == len(alone) + 2  # and the whole gateway, and the control room
