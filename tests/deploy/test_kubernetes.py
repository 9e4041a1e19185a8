"""What deploy/kubernetes promises: the cluster takes it, nobody is root, no secret is in it, an upgrade loses nothing.

Each line of the manifests that one of these tests asks for was taken out or made worse, and its test was red.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from django.conf import settings

from serviceflow import gunicorn, jobs
from serviceflow.management.commands.work import ALIVE
from tests.deploy import kustomize
from tests.deploy.kustomize import Manifest

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / "deploy/kubernetes"
ALL = kustomize.rendered(FOLDER / "overlays/example")
# The oldest that is still looked after, and the newest whose schemas are here.
VERSIONS = ["1.31", kubernetes_validate.latest_version()]
# What an operator puts into the secrets: docs/operations.md.
SECRETS = {
    ("serviceflow", "SECRET_KEY"): "0123456789abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghijkl",
    (
        "serviceflow",
        "DATABASE_URL",
    ): "postgresql://serviceflow_app@db.example.com/serviceflow?sslmode=verify-full",
    (
        "serviceflow-owner",
        "DATABASE_URL",
    ): "postgresql://owner@db.example.com/serviceflow?sslmode=verify-full",
    ("serviceflow-owner", "DATABASE_APP_PASSWORD"): "a long random word of letters",
}


def the(kind: str, name: str) -> Manifest:
    [found] = [each for each in ALL if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def templates() -> dict[str, Any]:
    """The pods' specifications, by the name of what makes them."""
    return {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]
        for each in ALL
        if each["kind"] in {"Deployment", "Job"}
    }


PODS = templates()
CONTAINERS = {
    f"{pod}/{container['name']}": container
    for pod, spec in PODS.items()
    for container in [*spec.get("initContainers", ()), *spec["containers"]]
}


# --- The cluster takes them -----------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_what_its_schema_says(version: str) -> None:
    """Seen to fail: with `replica` for `replicas`, a port that is a word, a probe without what it asks."""
    assert {each["kind"] for each in ALL} == {
        "Namespace", "ServiceAccount", "ConfigMap", "Job", "Deployment", "Service", "Ingress",
        "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy",
    }  # fmt: skip
    for each in ALL:
        kubernetes_validate.validate(each, version, strict=True)


def test_the_program_makes_the_same_of_them() -> None:
    """Seen to fail: with a patch that ours left out, with another namespace."""
    command = kustomize.program()
    if not command:
        pytest.skip("NOT CHECKED: there is neither kustomize nor a kubectl with kustomize 5 here")
    asked = [*command, str(FOLDER / "overlays/example")]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    # A name with the digest of its settings: what refers to it has it, too.
    assert len(set(re.findall(r"settings-[a-z0-9]{10}\b", said))) == 1
    real = list(yaml.safe_load_all(re.sub(r"settings-[a-z0-9]{10}\b", "settings", said)))

    def order(each: Manifest) -> tuple[str, str]:
        return each["kind"], each["metadata"]["name"]

    assert sorted(real, key=order) == sorted(ALL, key=order)


# --- Security -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_nobody_and_has_no_way_to_the_cluster(name: str) -> None:
    spec = PODS[name]
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert "USER 10001:10001" in (CHECKOUT / "Dockerfile").read_text()
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert the("ServiceAccount", spec["serviceAccountName"])["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & spec.keys()
    # Nothing of the node, and nothing that grows without an end.
    assert all(volume.keys() == {"name", "emptyDir"} for volume in spec["volumes"])
    assert all(volume["emptyDir"]["sizeLimit"] for volume in spec["volumes"])


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_writes_nothing_but_its_folders_and_has_its_share(name: str) -> None:
    container = CONTAINERS[name]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {each["mountPath"] for each in container["volumeMounts"]} == {"/tmp", "/files"}  # noqa: S108
    for bound in ("requests", "limits"):
        assert {"cpu", "memory"} <= container["resources"][bound].keys()


def test_the_namespace_takes_none_but_such_pods() -> None:
    labels = the("Namespace", "serviceflow")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {each["metadata"].get("namespace") for each in ALL if each["kind"] != "Namespace"} == {
        "serviceflow"
    }


def test_no_manifest_holds_a_secret() -> None:
    """By reference only; and the owner of the tables is known to the migrations alone."""
    assert "Secret" not in {each["kind"] for each in ALL}
    for name, container in CONTAINERS.items():
        for variable in container["env"]:
            if re.search(r"PASSWORD|SECRET|TOKEN|KEY$|DATABASE_URL|PROVIDERS", variable["name"]):
                source = variable["valueFrom"]["secretKeyRef"]
                owner = name.startswith("migrate/") and variable["name"].startswith("DATABASE")
                assert source["name"] == ("serviceflow-owner" if owner else "serviceflow"), name
                assert source["key"] == variable["name"]
    for name in the("ConfigMap", "settings")["data"]:
        assert not re.search(r"PASSWORD|SECRET|TOKEN|KEY|DATABASE_URL|PROVIDERS", name)


def databases(manifests: list[Manifest]) -> list[str]:
    """The networks in which a pod finds a database."""
    return [
        goal["ipBlock"]["cidr"]
        for each in manifests
        if each["kind"] == "NetworkPolicy"
        for rule in each["spec"].get("egress", ())
        if {"port": 5432} in rule["ports"]
        for goal in rule["to"]
    ]


def test_a_database_is_looked_for_at_home_only() -> None:
    """In private networks, at one address where an overlay says so. Seen to fail with 0.0.0.0/0 for 10.0.0.0/8."""
    networks = [ip_network(each) for each in databases(kustomize.rendered(FOLDER / "base"))]
    assert networks
    assert all(each.is_private and each.prefixlen >= 8 for each in networks)
    assert databases(ALL) == ["10.0.0.5/32"]


def test_only_the_proxy_and_the_collector_of_metrics_reach_anybody() -> None:
    policies = [each["spec"] for each in ALL if each["kind"] == "NetworkPolicy"]
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in policies
    doors = {
        policy["podSelector"]["matchLabels"]["app.kubernetes.io/name"]: {
            (each["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], port["port"])
            for rule in policy["ingress"]
            for each in rule["from"]
            for port in rule["ports"]
        }
        for policy in policies
        if "ingress" in policy
    }
    assert doors == {
        "web": {("ingress-nginx", "http"), ("monitoring", "http")},
        "worker": {("monitoring", "metrics")},
    }
    for policy in policies:
        for rule in policy.get("egress", ()):
            assert rule["ports"]
            for goal in rule["to"]:
                # The keys of the cloud lie at an address of the node.
                if "ipBlock" in goal:
                    block = goal["ipBlock"]
                    keys = ip_address("169.254.169.254")
                    assert keys not in ip_network(block["cidr"]) or any(
                        keys in ip_network(each) for each in block.get("except", ())
                    )
    assert the("Service", "web")["spec"].get("type", "ClusterIP") == "ClusterIP"
    assert [each["metadata"]["name"] for each in ALL if each["kind"] in {"Service", "Ingress"}] == [
        "web",
        "web",
    ]


# --- Metrics --------------------------------------------------------------------------------------


def test_prometheus_finds_every_pod_that_counts_and_shows_the_key() -> None:
    """By its operator or without. Seen to fail: with another name of a port."""
    counting = {
        (pod, port["name"])
        for pod, spec in PODS.items()
        for container in spec["containers"]
        for port in container.get("ports", ())
    }
    assert counting == {("web", "http"), ("worker", "metrics")}
    component = FOLDER / "components/monitoring"
    assert yaml.safe_load((component / "kustomization.yaml").read_text())["resources"] == ["pods.yaml"]
    monitor = yaml.safe_load((component / "pods.yaml").read_text())
    [chosen] = monitor["spec"]["selector"]["matchExpressions"]
    assert all(
        the("Deployment", name)["spec"]["template"]["metadata"]["labels"][chosen["key"]] == name
        for name in chosen["values"]
    )
    endpoints = monitor["spec"]["podMetricsEndpoints"]
    # No pod has the port of another.
    assert {(pod, each["port"]) for pod in chosen["values"] for each in endpoints} > counting
    assert {each["port"] for each in endpoints} == {port for _pod, port in counting}
    for each in endpoints:
        secret = each["authorization"]["credentials"]
        assert any(
            variable.get("valueFrom", {}).get("secretKeyRef", {}).items() >= secret.items()
            for variable in CONTAINERS["worker/worker"]["env"]
        )
        assert {one["targetLabel"] for one in each["relabelings"]} == {"job", "part"}
    prometheus = yaml.safe_load((CHECKOUT / "deploy/prometheus/kubernetes.yml").read_text())
    [scraped] = prometheus["scrape_configs"]
    keep = next(rule for rule in scraped["relabel_configs"] if rule.get("action") == "keep")
    assert {tuple(one.split(";")) for one in keep["regex"].split("|")} == counting
    [place] = scraped["kubernetes_sd_configs"]
    assert place["namespaces"]["names"] == [the("Namespace", "serviceflow")["metadata"]["name"]]


# --- Settings -------------------------------------------------------------------------------------


def variables(container: Manifest) -> Iterator[tuple[str, str, bool]]:
    """Name, value and whether it must be there, as the container will have them."""
    for source in container["envFrom"]:
        for name, value in the("ConfigMap", source["configMapRef"]["name"])["data"].items():
            yield name, value, False
    for variable in container["env"]:
        if "value" in variable:
            yield variable["name"], variable["value"], False
        else:
            source = variable["valueFrom"]["secretKeyRef"]
            optional = source.get("optional", False)
            yield variable["name"], "" if optional else SECRETS[source["name"], source["key"]], not optional


# In one process, since it takes seconds to begin: settings as each environment makes them, and what they say of it.
READ = """
import json, os, runpy, sys
told = {}
for name, environment in json.load(sys.stdin).items():
    os.environ.clear()
    os.environ.update(environment)
    try:
        runpy.run_path("serviceflow/settings.py")
    except Exception as trouble:
        told[name] = str(trouble)
print(json.dumps(told))
"""


def refusals(environments: dict[str, dict[str, str]], folder: Path) -> dict[str, str]:
    """What settings say of each environment that they do not start with."""
    given = {name: each | {"FILES_FOLDER": str(folder)} for name, each in environments.items()}
    asked = subprocess.run(
        [sys.executable, "-c", READ], input=json.dumps(given), cwd=CHECKOUT, env={"PATH": os.defpath},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    refused: dict[str, str] = json.loads(asked.stdout.splitlines()[-1])
    return refused


def test_settings_know_every_variable_and_lack_none(tmp_path: Path) -> None:
    """What settings read is what docker-compose.yml passes on, as `bin/check compose` sees to.

    Seen to fail: with MAIL_SERVER for MAIL_HOST; without a required one in the overlay or in a container; with one that
    is not needed for one that is.
    """
    compose = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]
    whole: dict[str, dict[str, str]] = {}
    lacking: dict[str, dict[str, str]] = {}
    for name, container in CONTAINERS.items():
        given = list(variables(container))
        whole[name] = {key: value for key, value, _needed in given}
        part = name.partition("/")[0]
        known = compose[part if part in compose else "web"]["environment"]
        assert whole[name].keys() <= set(known), name
        # That of the role is read by the command that makes it.
        needed = {key for key, _value, must_be in given if must_be} - {"DATABASE_APP_PASSWORD"}
        lacking |= {f"{name} without {key}": whole[name] | {key: ""} for key in needed}
    assert refusals(whole, tmp_path) == {}
    assert refusals(lacking, tmp_path).keys() == lacking.keys()


def test_a_file_is_kept_where_every_pod_reaches_it() -> None:
    """Seen to fail: without FILES_S3_BUCKET, as then files lie in a folder that goes with its pod."""
    told = the("ConfigMap", "settings")["data"]
    assert told["FILES_S3_BUCKET"]
    assert told["FILES_FOLDER"] == "/files"


def test_the_ingress_lets_the_largest_upload_in_and_is_believed() -> None:
    ingress = the("Ingress", "web")
    host = ingress["spec"]["rules"][0]["host"]
    assert the("ConfigMap", "settings")["data"]["BASE_URL"] == f"https://{host}"
    assert ingress["spec"]["tls"][0]["hosts"] == [host]
    assert the("ConfigMap", "settings")["data"]["TRUSTED_PROXIES"]
    most = ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"]
    assert int(most.removesuffix("m")) * 1024 * 1024 >= settings.LARGEST_UPLOAD


# --- Upgrades -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["web", "worker"])
def test_no_pod_goes_before_another_has_come(name: str) -> None:
    spec = the("Deployment", name)["spec"]
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
    }
    assert the("PodDisruptionBudget", name)["spec"]["maxUnavailable"] == 1
    assert the("PodDisruptionBudget", name)["spec"]["selector"] == spec["selector"]
    spread = spec["template"]["spec"]["topologySpreadConstraints"]
    assert {each["topologyKey"] for each in spread} == {
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    }
    # None begins before the database has its tables; a container without it would be asked in vain.
    [first] = spec["template"]["spec"]["initContainers"]
    assert first["command"] == ["python", "manage.py", "migrate", "--check"]


def test_a_pod_is_given_the_time_that_its_goodbye_takes() -> None:
    """Seen to fail: with 25 seconds for the web server; with a graceful_timeout of 60."""
    web = PODS["web"]
    [container] = web["containers"]
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    # Endpoints are told within seconds; a readiness probe that fails takes two turns.
    assert pause >= 5
    assert pause + gunicorn.graceful_timeout + 5 <= web["terminationGracePeriodSeconds"]
    farewell = jobs.FAREWELL + jobs.LAST_WORDS
    assert farewell + 5 <= PODS["worker"]["terminationGracePeriodSeconds"]


def test_the_autoscaler_alone_says_how_many_web_servers_there_are() -> None:
    """A number in the deployment would set them back with every upgrade."""
    assert "replicas" not in the("Deployment", "web")["spec"]
    scaler = the("HorizontalPodAutoscaler", "web")["spec"]
    assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    assert 2 <= scaler["minReplicas"] < scaler["maxReplicas"]
    assert the("Deployment", "worker")["spec"]["replicas"] >= 1


def test_probes_ask_what_answers() -> None:
    """The web server by its health pages, over the port it listens on; the worker by the file it touches."""
    [web] = PODS["web"]["containers"]
    probes = {name: web[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")}
    assert probes == {
        "startup": {"path": "/health/live", "port": "http"},
        "readiness": {"path": "/health/ready", "port": "http"},
        # Not ready: no restart of ours would bring a database back.
        "liveness": {"path": "/health/live", "port": "http"},
    }
    assert web["ports"] == [{"name": "http", "containerPort": settings.PORT}]
    [worker] = PODS["worker"]["containers"]
    [door] = worker["ports"]
    assert {"name": "METRICS_PORT", "value": str(door["containerPort"])} in worker["env"]
    for name in ("startup", "readiness", "liveness"):
        assert str(ALIVE) in str(worker[f"{name}Probe"]["exec"]["command"])
