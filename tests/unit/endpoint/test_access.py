"""The web configuration: what Prometheus' exporters take is taken, what we cannot honour is refused by name."""

import subprocess
from pathlib import Path

import bcrypt
import pytest

from guardian.config.metrics import is_loopback, listen_address, metrics_faults
from guardian.endpoint.access import read_access
from guardian.errors import ConfigError

HASH = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pair")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key",
         "-out", "cert", "-subj", "/CN=here", "-days", "3"],
        cwd=made, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return made


def read(folder: Path, text: str) -> object:
    path = folder / "web.yml"
    path.write_text(text, "utf-8")
    return read_access(path)


PAIR = "cert_file: cert, key_file: key"
GOOD = (
    "{}",
    "http_server_config: {http2: false, headers: {Content-Security-Policy: default-src 'none'}}",
    "basic_auth_users: {}",
    f"tls_server_config: {{{PAIR}, min_version: TLS13}}",
    f"tls_server_config: {{{PAIR}, prefer_server_cipher_suites: true, client_auth_type: NoClientCert}}",
    f"tls_server_config: {{{PAIR}, client_auth_type: VerifyClientCertIfGiven, client_ca_file: cert}}",
)
BAD = {
    "tls_server_configs: {}": "tls_server_configs",
    f"tls_server_config: {{{PAIR}, cipher_suites: [TLS_X]}}": "tls_server_config.cipher_suites",
    f"tls_server_config: {{{PAIR}, curve_preferences: [X25519]}}": "tls_server_config.curve_preferences",
    "tls_server_config: {cert: inline, key: inline}": "tls_server_config",
    "tls_server_config: {cert_file: cert}": "tls_server_config.key_file",
    f"tls_server_config: {{{PAIR}, client_auth_type: RequireAnyClientCert, client_ca_file: cert}}": "client_auth_type",
    f"tls_server_config: {{{PAIR}, client_auth_type: RequireAndVerifyClientCert}}": "client_ca_file",
    f"tls_server_config: {{{PAIR}, client_ca_file: cert}}": "client_ca_file",
    f"tls_server_config: {{{PAIR}, client_allowed_sans: [x]}}": "client_allowed_sans",
    f"tls_server_config: {{{PAIR}, min_version: TLS10}}": "min_version",
    f"tls_server_config: {{{PAIR}, min_version: TLS13, max_version: TLS12}}": "min_version",
    "tls_server_config: {cert_file: missing, key_file: key}": "certificate",
    "tls_server_config: {cert_file: key, key_file: cert}": "certificate",
    "basic_auth_users: {alice: plain}": "basic_auth_users",
    "basic_auth_users: {alice: '" + HASH.replace("$04$", "$31$") + "'}": "basic_auth_users",
    f"basic_auth_users: {{'a:b': '{HASH}'}}": "basic_auth_users",
    "rate_limit: {interval: 1s, burst: 2}": "rate_limit",
    'http_server_config: {headers: {X-Frame-Options: "a\\r\\nSet-Cookie: b"}}': "http_server_config",
    "http_server_config: {headers: {Set-Cookie: b}}": "http_server_config",
    "[]": "mapping",
    "a: &a 1": "",
}


@pytest.mark.parametrize("text", GOOD)
def test_what_is_taken(folder: Path, text: str) -> None:
    read(folder, text)


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_what_is_refused_names_the_key_and_repeats_no_value(folder: Path, text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(folder, text)
    said = refused.value.message + "".join(map(str, getattr(refused.value, "problems", ())))
    assert BAD[text] in said
    assert "plain" not in said
    assert HASH[8:] not in said


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        read_access(tmp_path / "none.yml")


def test_users_written_with_any_tool_are_known(folder: Path) -> None:
    for mark in ("$2a$", "$2b$", "$2y$"):
        access = (
            read_access(folder / "web.yml") if read(folder, f"basic_auth_users: {{a: '{mark}{HASH[4:]}'}}") else None
        )
        assert access is not None
        assert access.good("a", b"secret")
        assert access.remembered("a", b"secret")
        assert not access.good("a", b"secre")
        assert not access.remembered("a", b"secre")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9787", ("127.0.0.1", 9787)),
        ("localhost:1", ("127.0.0.1", 1)),
        ("[::1]:9787", ("::1", 9787)),
        ("0.0.0.0:65535", ("0.0.0.0", 65535)),
        (":9787", ("::", 9787)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert listen_address(text) == address


@pytest.mark.parametrize(
    "text", ["", "9787", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "host:9787", "::1:9787", "[1.2.3]:9", "1.2.3:9",
             "127.0.0.1:٣", "http://127.0.0.1:9787", "[127.0.0.1:9787"],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        listen_address(text)


def test_what_others_reach_needs_protection() -> None:
    assert is_loopback("::1")
    assert not is_loopback("::")
    assert [fault.loc[-1] for fault in metrics_faults({"listen": "0.0.0.0:9787"})] == ["listen"]
    assert not list(metrics_faults({"listen": "0.0.0.0:9787", "web_config": "web.yml"}))
    assert not list(metrics_faults({"listen": "0.0.0.0:9787", "insecure": True}))
    assert not list(metrics_faults({"listen": "127.0.0.1:9787"}))
    assert [fault.loc[-1] for fault in metrics_faults({"textfile": "guardian.txt"})] == ["textfile"]
