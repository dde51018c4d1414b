"""Errors of operator commands are one sentence and an exit status, never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
import requests
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from joserfc.jwk import ECKey

from tests.cli.test_cli import Shell
from tests.postgres import Postgres
from verifier.cli import main
from verifier.demo.bank import free_ports
from verifier.demo.client import now_iso

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a key ring and an empty database."""
    made = Shell(tmp_path_factory.mktemp("deployed"))
    assert made.run("keys", "new").returncode == 0
    assert made.run("migrate").returncode == 0
    return made.folder


@pytest.fixture
def shell(deployed: Path, tmp_path: Path) -> Shell:
    shutil.copytree(deployed, tmp_path, dirs_exist_ok=True)
    made = Shell(tmp_path)
    public, admin, *_ = free_ports()
    made.environment |= {
        "VERIFIER_LISTEN": f"127.0.0.1:{public}",
        "VERIFIER_ADMIN_LISTEN": f"127.0.0.1:{admin}",
        "VERIFIER_DRAIN_SECONDS": "0",
    }
    return made


def assert_one_sentence(done: subprocess.CompletedProcess[str], told: str) -> None:
    """Check for exit status 1 and a one-line error that contains `told`."""
    assert done.returncode == 1, done
    assert told in done.stderr
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1


@contextmanager
def serving(shell: Shell, **changes: str) -> Iterator[str]:
    """Run a node with the shell's settings. Yields its public address."""
    environment = {**shell.environment, **changes}
    url = f"http://{environment['VERIFIER_LISTEN']}"
    command = [sys.executable, "-m", "verifier", "serve"]
    with (
        (shell.folder / "node.log").open("w") as journal,
        subprocess.Popen(command, env=environment, cwd=shell.folder, stdout=journal) as node,
    ):
        try:
            until = time.monotonic() + 60
            while True:
                try:
                    requests.get(f"{url}/openapi.json", timeout=5)
                    break
                except requests.ConnectionError:
                    assert node.poll() is None
                    assert time.monotonic() < until, "the node does not listen"
                    time.sleep(0.05)
            yield url
        finally:
            node.terminate()
            node.wait(30)


def key_file(shell: Shell, key: object, password: bytes | None = None) -> str:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    path = shell.folder / "key.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))  # type: ignore[attr-defined]
    return str(path)


@pytest.mark.parametrize("which", ["VERIFIER_LISTEN", "VERIFIER_ADMIN_LISTEN"])
def test_serve_on_a_port_in_use_fails_with_one_sentence(shell: Shell, which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        done = shell.run("serve", **{which: listen})
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: cannot listen on {listen} ")
    assert "Address already in use" in done.stderr
    assert done.stderr.count("\n") == 1


def test_demo_on_a_port_in_use_says_so(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = shell.run("demo", "--port", str(taken.getsockname()[1]), VERIFIER_ENV="development")
    assert done.returncode == 1
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_send_fails_with_one_sentence(shell: Shell) -> None:
    key = key_file(shell, Ed25519PrivateKey.generate())
    port = free_ports()[0]

    def send(url: str, key: str = key) -> subprocess.CompletedProcess[str]:
        return shell.run("send", "POST", url, "--key-id", "pbx", "--key", key)

    assert_one_sentence(
        send(f"http://127.0.0.1:{port}/v1/legs"), f"cannot connect to 127.0.0.1:{port}: Connection refused"
    )
    assert_one_sentence(
        send("http://verify.invalid/v1/legs"),
        "cannot connect to verify.invalid:80: the name verify.invalid is not known",
    )
    for address in ("verify", "ftp://127.0.0.1/", "http://", "http://[::1/"):
        assert_one_sentence(send(address), "the address cannot be read")
    with answering_server(b"no HTTP at all\r\n\r\n") as url:
        assert_one_sentence(send(url), "the connection failed")
    for other in (generate_private_key(SECP256R1()), "nonsense"):
        (shell.folder / "nonsense.pem").write_text("nonsense")
        path = key_file(shell, other) if not isinstance(other, str) else str(shell.folder / "nonsense.pem")
        assert_one_sentence(send(f"http://127.0.0.1:{port}/", path), "must be an Ed25519 private key")
    locked = key_file(shell, Ed25519PrivateKey.generate(), b"password")
    assert_one_sentence(send(f"http://127.0.0.1:{port}/", locked), "without a password")


@contextmanager
def answering_server(answer: bytes) -> Iterator[str]:
    """Run a server that sends this answer to each client. Yields its address."""
    server = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        with server:
            client, _ = server.accept()
            with client:
                client.recv(65_536)
                client.sendall(answer)

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/"
    thread.join(10)


@pytest.mark.parametrize(
    "command", [("migrate",), ("serve",), ("import", "x.csv"), ("log", "verify"), ("log", "split", "2"), ("check",)]
)
@pytest.mark.parametrize("url", ["postgresql://u:pa#ss@h/db", "postgresql+asyncpg://u:p@h/db", "mysql://h/db"])
def test_a_bad_database_address_never_causes_a_traceback(shell: Shell, command: tuple[str, ...], url: str) -> None:
    export = shell.folder / "x.csv"
    export.write_text("")
    asked = [str(export) if each == "x.csv" else each for each in command]
    done = CliRunner().invoke(main, asked, env={**shell.environment, "VERIFIER_DATABASE": url})
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    told = done.output
    assert "VERIFIER_DATABASE" in told
    assert "Traceback" not in told
    assert "pa#ss" not in told


def test_a_missing_database_fails_with_one_sentence(shell: Shell) -> None:
    port = free_ports()[0]
    for url in (f"postgresql://u:p@127.0.0.1:{port}/db", "sqlite:/nonexistent/db.sqlite3"):
        for command in (("migrate",), ("serve",), ("log", "verify")):
            done = shell.run(*command, VERIFIER_DATABASE=url)
            assert done.returncode == 1
            assert "Traceback" not in done.stderr
            assert done.stderr.startswith("Error: the database ")


def test_a_wrong_database_password_fails_with_one_sentence(shell: Shell, postgres: Postgres) -> None:
    url = postgres.new_database().replace("postgres@", "nobody:secret@") + "_missing"
    done = shell.run("migrate", VERIFIER_DATABASE=url)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("keys", "new"),
        ("systems", "add", "pbx", "--scopes", "legs", "--file", "/proc/none/systems.json"),
    ],
)
def test_an_unwritable_file_fails_with_one_sentence(shell: Shell, command: tuple[str, ...]) -> None:
    ring = {"VERIFIER_KEY_RING": "/proc/none/ring.json"} if command[0] == "keys" else {}
    assert_one_sentence(shell.run(*command, **ring), "/proc/none")
    assert not (shell.folder / "pbx.pem").exists()


def test_an_unwritable_checkpoint_fails_with_one_sentence(shell: Shell) -> None:
    with serving(shell):
        pass
    assert_one_sentence(shell.run("log", "verify", "--keep", "/proc/none/checkpoint"), "/proc/none")


def test_systems_are_added_listed_and_removed(shell: Shell) -> None:
    file = {"VERIFIER_SYSTEMS": str(shell.folder / "systems.json")}
    added = shell.run("systems", "add", "pbx", "--scopes", "legs", **file)
    assert added.returncode == 0, added.stderr
    assert "pbx.pem" in added.stdout
    assert (shell.folder / "pbx.pem").stat().st_mode & 0o777 == 0o600
    assert_one_sentence(shell.run("systems", "add", "pbx", "--scopes", "legs", **file), "pbx.pem exists already")
    other = ("--private-key", "other.pem")
    assert_one_sentence(shell.run("systems", "add", "pbx", "--scopes", "legs", *other, **file), "more than once")
    assert not (shell.folder / "other.pem").exists()
    assert_one_sentence(
        shell.run("systems", "add", "ivr", "--scopes", "everything", **file), "is not one of applications"
    )
    assert_one_sentence(shell.run("systems", "add", "ivr", "--scopes", " , ", **file), "has no scopes")
    public = shell.folder / "public.pem"
    public.write_text("nonsense")
    assert_one_sentence(
        shell.run("systems", "add", "ivr", "--scopes", "ivr", "--public-key", str(public), **file), "public_key"
    )
    assert shell.run("systems", "list", **file).stdout.split() == ["pbx", "legs"]
    assert shell.run("systems", "remove", "pbx", **file).returncode == 0
    assert_one_sentence(shell.run("systems", "remove", "pbx", **file), "no system with that id")


@pytest.mark.shows("CVP-12-9")
def test_a_running_node_applies_added_and_removed_systems(shell: Shell) -> None:
    path = shell.folder / "systems.json"
    settings = {"VERIFIER_SYSTEMS": str(path), "VERIFIER_SWEEP_SECONDS": "1"}
    assert shell.run("systems", "add", "first", "--scopes", "ivr", **settings).returncode == 0
    body = json.dumps({"event": "ended", "leg_id": "1", "at": now_iso()})
    shell.environment["VERIFIER_ISSUER"] = f"http://{shell.environment['VERIFIER_LISTEN']}"
    settings["VERIFIER_ENV"] = "development"
    with serving(shell, **settings) as url:

        def send() -> str:
            asked = ("send", "POST", f"{url}/v1/legs", "--key-id", "pbx", "--key", "pbx.pem", "--data", body)
            return shell.run(*asked).stdout

        def until(told: str) -> None:
            for _ in range(20):
                if told in send():
                    return
                time.sleep(0.25)
            pytest.fail(send())

        assert shell.run("systems", "add", "pbx", "--scopes", "legs", **settings).returncode == 0
        until('"unmatched"')
        path.write_text("{")
        for _ in range(100):
            if "systems not read again" in (shell.folder / "node.log").read_text():
                break
            time.sleep(0.1)
        else:
            pytest.fail("the broken file was not noticed")
        assert '"unmatched"' in send()
        path.unlink()
        assert (
            shell.run("systems", "add", "first", "--scopes", "ivr", "--private-key", "a.pem", **settings).returncode
            == 0
        )
        until('"unauthenticated"')


class _Provider(BaseHTTPRequestHandler):
    keys: ClassVar[list[dict[str, object]]] = []

    def do_GET(self) -> None:
        issuer = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
        found: dict[str, object] = {"keys": self.keys}
        if self.path.endswith("openid-configuration"):
            found = {"issuer": issuer, "jwks_uri": f"{issuer}/jwks"}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def provider() -> Iterator[str]:
    key = ECKey.generate_key("P-256").as_dict(private=False) | {"use": "sig"}
    handler = type("Provider", (_Provider,), {"keys": [key]})
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_check_passes_on_a_complete_deployment(shell: Shell, provider: str) -> None:
    file = {"VERIFIER_SYSTEMS": str(shell.folder / "systems.json")}
    assert shell.run("systems", "add", "bank", "--scopes", "applications,calls,legs,ivr", **file).returncode == 0
    done = shell.run(
        "check",
        **file,
        VERIFIER_ENV="development",
        VERIFIER_STAFF_ISSUER=provider,
        VERIFIER_STAFF_AUDIENCE="staff",
        VERIFIER_STAFF_REQUIRE_AT_JWT="true",
        VERIFIER_CUSTOMER_ISSUER=provider,
        VERIFIER_CUSTOMER_AUDIENCE="app",
        VERIFIER_CUSTOMER_REQUIRED_CLAIM="scope",
        VERIFIER_PUBLISHED_NUMBERS="95588",
        VERIFIER_CALLER_NUMBERS="+861082345678",
        VERIFIER_BANK_NAME="示范银行",
    )
    assert done.returncode == 0, done.stdout
    assert {line.split()[0] for line in done.stdout.splitlines()} == {"ok"}
    for part in ("settings", "database", "public port", "admin port", "staff issuer", "customer issuer", "systems"):
        assert f"{part}: " in done.stdout


@pytest.mark.shows("CVP-11-6")
@pytest.mark.parametrize(
    ("uses", "told", "status"),
    [
        (2**29 - 1, "", 0),
        (2**29, "missing  key uses: the active key-encryption key", 0),
        (2**30, "wrong    key uses: the active key-encryption key", 1),
    ],
)
def test_check_and_keys_report_how_often_a_key_was_used(shell: Shell, uses: int, told: str, status: int) -> None:
    (active,) = [
        line.split()[2] for line in shell.run("keys", "list").stdout.splitlines() if "encryption  active" in line
    ]
    with closing(
        sqlite3.connect(shell.folder / shell.environment["VERIFIER_DATABASE"].removeprefix("sqlite:"))
    ) as file:
        file.executemany("INSERT INTO key_uses (kid, uses) VALUES (?, ?)", [(active, uses), ("retired", 2**31)])
        file.commit()
    done = shell.run("check")
    assert done.returncode == status, done.stdout + done.stderr
    assert told in done.stdout
    assert ("key uses" in done.stdout) is bool(told)
    assert f"{active}  {uses} uses" in shell.run("keys", "uses").stdout


def test_check_lists_missing_settings(shell: Shell) -> None:
    done = shell.run("check")
    assert done.returncode == 0, done.stdout
    missing = [line for line in done.stdout.splitlines() if line.startswith("missing")]
    for word in ("VERIFIER_STAFF_ISSUER", "VERIFIER_CUSTOMER_ISSUER", "scope applications", "scope legs", "scope ivr"):
        assert any(word in line for line in missing), word


ISSUER = {"VERIFIER_STAFF_ISSUER": "https://127.0.0.1:1", "VERIFIER_STAFF_AUDIENCE": "a"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"VERIFIER_TYPO": "1"}, "wrong    settings: VERIFIER_TYPO: there is no such setting"),
        ({"VERIFIER_CALLER_NUMBERS": "010-8234-5678"}, "wrong    settings: VERIFIER_CALLER_NUMBERS"),
        ({"VERIFIER_KEY_RING": "nothing.json"}, "wrong    key ring: "),
        (
            {"VERIFIER_DATABASE": "sqlite:new.sqlite3"},
            "wrong    database: the database file new.sqlite3 does not exist",
        ),
        ({"VERIFIER_STAFF_ROLES": "Boss=boss", **ISSUER}, "wrong    settings: VERIFIER_STAFF_"),
        ({"VERIFIER_DATABASE": "postgresql://u@127.0.0.1:1/x"}, "wrong    database: the database cannot be reached"),
        ({"VERIFIER_SYSTEMS": "nothing.json"}, "wrong    systems: "),
        ({"VERIFIER_LOG_SEEN": "nothing"}, "wrong    settings: VERIFIER_LOG_SEEN"),
        (
            {"VERIFIER_STAFF_ISSUER": "https://127.0.0.1:1", "VERIFIER_STAFF_AUDIENCE": "a"},
            "wrong    staff issuer: ",
        ),
    ],
)
def test_check_names_each_error(shell: Shell, changes: dict[str, str], told: str) -> None:
    done = shell.run("check", **changes)
    assert done.returncode == 1
    assert told in done.stdout
    assert "Traceback" not in done.stderr
    assert not (shell.folder / "new.sqlite3").exists()


def test_check_finds_an_issuer_without_a_key_for_an_accepted_algorithm(shell: Shell, provider: str) -> None:
    issuer = {"VERIFIER_STAFF_ISSUER": provider, "VERIFIER_STAFF_AUDIENCE": "a", "VERIFIER_ENV": "development"}
    assert shell.run("check", **issuer).returncode == 0
    done = shell.run("check", **issuer, VERIFIER_STAFF_ALGORITHMS="RS256,EdDSA")
    assert (done.returncode, "publishes no key for RS256, EdDSA" in done.stdout) == (1, True)


def test_serve_does_not_start_without_its_systems_file(shell: Shell) -> None:
    assert_one_sentence(
        shell.run("serve", VERIFIER_SYSTEMS="nothing.json"), "nothing.json cannot be read: No such file"
    )


def test_check_finds_a_database_of_another_key_ring_without_writing(shell: Shell) -> None:
    file = shell.folder / "db.sqlite3"
    assert shell.run("check").returncode == 0
    assert b"verify.bank.example/log\n" not in file.read_bytes()
    with serving(shell):
        taken = shell.run("check")
        assert (taken.returncode, "Address already in use" in taken.stdout) == (1, True)
    os.rename(shell.folder / "ring.json", shell.folder / "old.json")
    assert shell.run("keys", "new").returncode == 0
    other = shell.run("check")
    assert (other.returncode, "another key ring" in other.stdout) == (1, True)
