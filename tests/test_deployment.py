"""compose.yaml and the example for Kubernetes say what this version understands. No container is started here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from verifier import __version__
from verifier.api.application import admin_application
from verifier.api.listener import SHUTDOWN_S
from verifier.config import NAMES, Config
from verifier.service.writer import PATIENCE_S

ROOT = Path(__file__).parents[1]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
KUBERNETES = (ROOT / "specs/examples/kubernetes.yaml").read_text()
ITEMS: dict[str, Any] = {each["kind"]: each for each in yaml.safe_load(KUBERNETES)["items"]}
# Two listeners are closed one after the other.
DRAIN_S = Config(issuer="").drain_seconds + 2 * SHUTDOWN_S + PATIENCE_S


def container(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = ITEMS[kind]["spec"]["template"]["spec"]["containers"][0]
    return found


def settings() -> Iterator[str]:
    yield from COMPOSE["services"]["node-1"]["environment"]
    for kind in ("Job", "Deployment"):
        yield from (variable["name"] for variable in container(kind)["env"])


def test_every_setting_that_is_made_there_is_one() -> None:
    found = set(settings())
    assert {"VERIFIER_ISSUER", "VERIFIER_DATABASE_FILE", "VERIFIER_KEY_RING"} <= found
    for name in found:
        assert name.removeprefix("VERIFIER_").removesuffix("_FILE").lower() in NAMES, name


def test_the_image_sets_nothing_that_is_given_there_as_a_file() -> None:
    set_by_image = set(re.findall(r"VERIFIER_[A-Z_]+(?==)", (ROOT / "Dockerfile").read_text()))
    assert {"VERIFIER_LISTEN"} <= set_by_image
    assert not {f"{each}_FILE" for each in set_by_image} & set(settings())


def test_three_nodes_share_one_key_ring_and_one_database() -> None:
    nodes = [COMPOSE["services"][f"node-{n}"] for n in (1, 2, 3)]
    assert nodes[0] == nodes[1] == nodes[2]
    assert ITEMS["Deployment"]["spec"]["replicas"] == 3


def test_a_node_has_the_time_it_needs_to_drain() -> None:
    deployment = ITEMS["Deployment"]["spec"]
    assert deployment["template"]["spec"]["terminationGracePeriodSeconds"] > DRAIN_S
    assert int(COMPOSE["services"]["node-1"]["stop_grace_period"].removesuffix("s")) > DRAIN_S
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_who_asks_whether_a_node_is_ready_asks_where_it_answers() -> None:
    served = {route.resource.canonical for route in admin_application(None, None).router.routes()}  # type: ignore[arg-type,union-attr]
    ports = {
        name: int(found.group(1))
        for name in ("LISTEN", "ADMIN_LISTEN")
        if (found := re.search(rf"VERIFIER_{name}=\S+:(\d+)", (ROOT / "Dockerfile").read_text()))
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


@pytest.mark.parametrize("each", [*COMPOSE["services"]])
def test_images_are_named_with_their_version(each: str) -> None:
    service = COMPOSE["services"][each]
    assert "build" in service or re.fullmatch(r"[a-z]+:\d+(\.\d+)*", service["image"])


def test_the_example_names_this_version() -> None:
    assert f"verifier:{__version__}" in KUBERNETES
