"""compose.yaml and the Kubernetes example fit this version. No container is started here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from verifier import __version__, keys
from verifier.api.http_server import admin_app
from verifier.api.listener import SHUTDOWN_S
from verifier.config import NAMES, BadSettings, Config, listed, load
from verifier.ledger.writer import TIMEOUT_S

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
KUBERNETES = (ROOT / "specs/examples/kubernetes.yaml").read_text()
ITEMS: dict[str, Any] = {each["kind"]: each for each in yaml.safe_load(KUBERNETES)["items"]}
# The node closes its two listeners one after the other.
DRAIN_S = Config(issuer="").drain_seconds + 2 * SHUTDOWN_S + TIMEOUT_S


def container(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = ITEMS[kind]["spec"]["template"]["spec"]["containers"][0]
    return found


def settings() -> Iterator[str]:
    yield from COMPOSE["services"]["node-1"]["environment"]
    for kind in ("Job", "Deployment"):
        yield from (variable["name"] for variable in container(kind)["env"])


def test_every_setting_in_the_examples_exists() -> None:
    found = set(settings())
    assert {"VERIFIER_ISSUER", "VERIFIER_DATABASE_FILE", "VERIFIER_KEY_RING"} <= found
    for name in found:
        assert name.removeprefix("VERIFIER_").removesuffix("_FILE").lower() in NAMES, name


def test_the_image_sets_nothing_that_the_examples_give_as_a_file() -> None:
    set_by_image = set(re.findall(r"VERIFIER_[A-Z_]+(?==)", DOCKERFILE))
    assert {"VERIFIER_LISTEN"} <= set_by_image
    assert not {f"{each}_FILE" for each in set_by_image} & set(settings())


def test_three_nodes_share_one_key_ring_and_one_database() -> None:
    nodes = [COMPOSE["services"][f"node-{n}"] for n in (1, 2, 3)]
    assert nodes[0] == nodes[1] == nodes[2]
    assert ITEMS["Deployment"]["spec"]["replicas"] == 3


def test_the_stop_timeout_is_longer_than_a_node_needs_to_drain() -> None:
    deployment = ITEMS["Deployment"]["spec"]
    assert deployment["template"]["spec"]["terminationGracePeriodSeconds"] > DRAIN_S
    assert int(COMPOSE["services"]["node-1"]["stop_grace_period"].removesuffix("s")) > DRAIN_S
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_health_checks_use_the_paths_and_ports_that_nodes_serve() -> None:
    served = {route.resource.canonical for route in admin_app(None, None).router.routes()}  # type: ignore[arg-type,union-attr]
    ports = {
        name: int(found.group(1))
        for name in ("LISTEN", "ADMIN_LISTEN")
        if (found := re.search(rf"VERIFIER_{name}=\S+:(\d+)", DOCKERFILE))
    }
    node = container("Deployment")
    assert {each["name"]: each["containerPort"] for each in node["ports"]} == {
        "public": ports["LISTEN"],
        "admin": ports["ADMIN_LISTEN"],
    }
    for probe in ("readinessProbe", "livenessProbe"):
        assert node[probe]["httpGet"]["path"] in served
        assert node[probe]["httpGet"]["port"] == "admin"
    proxy = COMPOSE["configs"]["proxy"]["content"]
    assert f"health_port {ports['ADMIN_LISTEN']}" in proxy
    assert all(f"node-{n}:{ports['LISTEN']}" in proxy for n in (1, 2, 3))


def test_every_process_but_the_migration_is_restarted_automatically() -> None:
    services = COMPOSE["services"]
    assert [name for name, each in services.items() if each.get("restart") != "unless-stopped"] == ["migrate"]
    assert ITEMS["Job"]["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_each_release_has_its_own_migration_job_that_is_cleaned_up() -> None:
    job = ITEMS["Job"]
    assert job["metadata"]["name"] == f"verifier-migrate-{__version__.replace('.', '-')}"
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", job["metadata"]["name"])
    assert job["spec"]["ttlSecondsAfterFinished"] > 0
    assert container("Job")["image"] == container("Deployment")["image"]


def test_nodes_can_read_the_mounted_key_ring() -> None:
    pod = ITEMS["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]
    assert pod["volumes"][0]["secret"]["defaultMode"] == 0o440
    assert keys._private(0o440, 0, pod["securityContext"]["runAsUser"])


def uncommented(text: str) -> Any:
    """The parsed file with its commented settings, mounts and volumes enabled."""
    return yaml.safe_load(re.sub(r"^( *)# (- \{.*\}|- \./.*|VERIFIER_\w+: .*)$", r"\1\2", text, flags=re.MULTILINE))


def test_the_seen_checkpoints_setting_points_into_its_mount() -> None:
    node = uncommented((ROOT / "compose.yaml").read_text())["services"]["node-1"]
    settings = {
        "VERIFIER_ISSUER": "https://verify.bank.example",
        "VERIFIER_LOG_SEEN": node["environment"]["VERIFIER_LOG_SEEN"],
    }
    mounted = [each.split(":")[1] for each in node["volumes"]]
    assert [str(Path(each).parent) for each in listed(load(settings).log_seen)] == mounted[1:]
    items = {each["kind"]: each for each in uncommented(KUBERNETES)["items"]}
    for kind in ("Job", "Deployment"):
        pod = items[kind]["spec"]["template"]["spec"]
        (seen,) = (each["value"] for each in pod["containers"][0]["env"] if each["name"] == "VERIFIER_LOG_SEEN")
        mount = {each["mountPath"]: each["name"] for each in pod["containers"][0]["volumeMounts"]}
        assert mount[str(Path(seen).parent)] in {each["name"] for each in pod["volumes"]}


def test_images_are_pinned_by_version_and_digest() -> None:
    built = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(built) == 2
    assert len(set(built)) == 1
    taken = [each["image"] for each in COMPOSE["services"].values() if "build" not in each]
    for image in (*built, *taken):
        assert re.fullmatch(r"[a-z]+:\d+(\.\d+)*(-slim)?@sha256:[0-9a-f]{64}", image), image


def test_the_image_is_built_only_from_packages_with_hashes() -> None:
    commands = re.findall(r"pip (?:install|wheel) .*", DOCKERFILE)
    assert len(commands) == 4
    assert all("--require-hashes" in each or "--no-index" in each for each in commands)


def test_dockerignore_allows_exactly_the_files_that_the_image_copies() -> None:
    given = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = re.findall(r"^COPY ((?!--from).*) \S+$", DOCKERFILE, re.MULTILINE)
    names = {name for each in copied for name in each.split()}
    assert {name for name in names if not name.startswith("verifier/")} == set(given)
    assert all((ROOT / name).exists() for name in names)


def test_the_kubernetes_example_names_this_version() -> None:
    assert f"verifier:{__version__}" in KUBERNETES


def linked(service: dict[str, Any]) -> dict[str, str]:
    """The variables that Kubernetes injects into containers for a service, unless the pod disables service links."""
    name = service["metadata"]["name"].upper().replace("-", "_")
    ports = service["spec"]["ports"]
    told = {f"{name}_SERVICE_HOST": "10.0.0.1", f"{name}_SERVICE_PORT": str(ports[0]["port"])}
    told[f"{name}_PORT"] = f"tcp://10.0.0.1:{ports[0]['port']}"
    for port in ports:
        told[f"{name}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}"] = str(port["port"])
        each = f"{name}_PORT_{port['port']}_TCP"
        told |= {each: f"tcp://10.0.0.1:{port['port']}", f"{each}_PROTO": "tcp", f"{each}_ADDR": "10.0.0.1"}
        told[f"{each}_PORT"] = str(port["port"])
    return told


def environment(kind: str) -> dict[str, str]:
    """The variables of a pod that starts when the service exists already: at every start but the first."""
    pod = ITEMS[kind]["spec"]["template"]["spec"]
    links = linked(ITEMS["Service"]) if pod.get("enableServiceLinks", True) else {}
    return links | {each["name"]: each["value"] for each in pod["containers"][0]["env"]}


@pytest.mark.parametrize("kind", ["Job", "Deployment"])
def test_a_pod_starts_when_its_service_exists_already(kind: str, tmp_path: Path) -> None:
    database = tmp_path / "database_url"
    database.write_text(f"sqlite:{tmp_path}/verifier.sqlite3\n")
    found = environment(kind) | {"VERIFIER_DATABASE_FILE": str(database)}
    assert load(found).database == database.read_text().strip()
    ran = subprocess.run(
        [sys.executable, "-m", "verifier", "migrate"],
        env={"PATH": os.environ["PATH"], **found},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("name", ["verifier", "verifier-desk", "verifier-2"])
def test_an_injected_kubernetes_variable_is_explained_in_the_error(name: str) -> None:
    ports = [{"name": "public", "port": 80}, {"name": "http-2", "port": 8080}]
    injected = linked({"metadata": {"name": name}, "spec": {"ports": ports}})
    assert len(injected) == 13
    for each, value in injected.items():
        with pytest.raises(BadSettings, match=f"{each}: there is no such setting; .*enableServiceLinks: false"):
            load({"VERIFIER_ISSUER": "https://verify.bank.example", each: value})


@pytest.mark.parametrize("name", ["VERIFIER_PORTS", "VERIFIER_DATABSE", "VERIFIER_SERVICE", "VERIFIER_PORT_8080"])
def test_a_misspelt_setting_is_not_blamed_on_kubernetes(name: str) -> None:
    with pytest.raises(BadSettings, match=f"{name}: there is no such setting$"):
        load({"VERIFIER_ISSUER": "https://verify.bank.example", name: "1"})
