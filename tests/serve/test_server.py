"""The server as a process: where it listens, what it says, how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from modelyard.core.access import LOCAL
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.release import Release
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Hosted
from modelyard.serve.server import Tls, bind, run
from modelyard.yard.yard import Yard
from tests.serve import openers
from tests.serve.conftest import PATIENCE, Gate, Serve, infer_body

PROGRAM = """
import sys
from pathlib import Path
from modelyard.core.artifact import open_artifact
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Hosted
from modelyard.serve.server import run

with ForkServer(open_artifact(Path(sys.argv[1])), measure=False, opener="tests.serve.openers:open_gated") as source:
    run([Hosted("sms", "7", source)], port=0)
print("ended", flush=True)
"""


@pytest.mark.parametrize("everyone", [False, True])
def test_sigterm_finishes_what_is_in_flight_and_ends_the_workers(
    classifier: Model, tmp_path: Path, *, everyone: bool
) -> None:
    gate = Gate(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(classifier.path)],
        text=True,
        env={**os.environ, openers.GATE: str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        ready = next(line for line in process.stderr if line.startswith("serving "))
        place = re.fullmatch(r"serving sms:7 on (http://127\.0\.0\.1:\d+)\n", ready)
        assert place
        with ThreadPoolExecutor(1) as pool:
            url = f"{place[1]}/v2/models/sms/infer"
            answer = pool.submit(httpx.post, url, json=infer_body("in flight"), timeout=PATIENCE)
            gate.wait_until_running()
            if everyone:
                # As a service manager stops a service, or Ctrl-C a terminal's: its workers get the signal too.
                os.killpg(process.pid, signal.SIGTERM)
            else:
                process.send_signal(signal.SIGTERM)
            gate.open(1)
            assert answer.result(PATIENCE).status_code == 200
        assert process.stdout.readline() == "ended\n"
        assert process.wait(PATIENCE) == 0
        # It ends only once no worker holds the other end.
        assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "example.org", "", "127.0.0.1.evil.org", "8.8.8.8"])
def test_only_this_machine_may_reach_it(host: str) -> None:
    with pytest.raises(InputError, match="does not listen"):
        bind(host, 0)
    with pytest.raises(InputError, match="does not listen"):
        run([], host=host, port=0)


def test_a_wider_address_needs_a_key_that_opens() -> None:
    with pytest.raises(InputError, match="without keys") as caught:
        run([], host="0.0.0.0", port=0, keys=lambda: [replace(LOCAL, revoked=LOCAL.created)])
    assert "modelyard keys add" in caught.value.fix
    with bind("0.0.0.0", 0, keys=True) as listener:
        assert listener.getsockname()[0] == "0.0.0.0"
    with pytest.raises(InputError, match="does not listen"):
        bind("example.org", 0, keys=True)


def write_certificate(folder: Path) -> Tls:
    """A certificate for 127.0.0.1 that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    moment = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(moment - timedelta(days=1))
        .not_valid_after(moment + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(plain)
    (folder / "locked.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )
    return Tls(folder / "cert.pem", folder / "key.pem")


def test_it_serves_over_https(serve: Serve, opened: ForkServer, tmp_path: Path) -> None:
    with serve(Hosted("sms", "1", opened), tls=write_certificate(tmp_path)) as client:
        assert client.base_url.scheme == "https"
        assert client.post("/v2/models/sms/infer", json=infer_body("hello")).status_code == 200


def test_a_certificate_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "odd.pem").write_text("odd")
    with pytest.raises(InputError, match="no certificate and key"):
        Tls(tmp_path / "odd.pem", tmp_path / "odd.pem")
    with pytest.raises(InputError, match="no certificate and key"):
        Tls(tmp_path / "none.pem", tmp_path / "none.pem")
    write_certificate(tmp_path)
    with pytest.raises(InputError, match="has a password"):
        Tls(tmp_path / "cert.pem", tmp_path / "locked.pem")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost"])
def test_loopback_is_bound_to_a_free_port(host: str) -> None:
    with bind(host, 0) as listener:
        assert listener.getsockname()[0].startswith("127.")
        assert listener.getsockname()[1] > 0


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} cannot be used"):
            bind("127.0.0.1", port)
    with pytest.raises(InputError, match="port 70000"):
        bind("127.0.0.1", 70000)


def test_starts_loads_and_stops_are_recorded(classifier: Model, tmp_path: Path) -> None:
    yard = Yard(tmp_path / "yard")
    release = tmp_path / "release"
    release.mkdir()
    yard.put(classifier)
    sealed = Release.write(
        release,
        name="sms",
        model=classifier,
        data=None,
        reports=[],
        recipe="modelyard: 1\n",
        lock={},
        judgements=[],
        measures={},
    )
    yard.publish(yard.put(sealed))
    command = [sys.executable, "-m", "modelyard.cli.main", "serve", "sms", "--port", "0", "--workers", "1"]
    with subprocess.Popen(
        command, text=True, env={**os.environ, "MODELYARD_HOME": str(yard.home)}, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr
        assert next(line for line in process.stderr if line.startswith("serving ")).startswith("serving sms:1 on ")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    events = yard.events()
    assert [event.action for event in events] == ["publish", "load", "start server", "stop server"]
    assert events[1].name == "sms"
    assert events[1].details == {"version": 1, "release": sealed.digest, "model": classifier.digest}
    assert events[2].details == {"host": "127.0.0.1", "port": 0, "models": ["sms:1"]}
    assert len({event.actor for event in events}) == 1
    assert yard.verify() == []
