"""Redis, nginx and TLS endpoints scanned for real: good, bad, silent; from their files as from the running program."""

import importlib.util
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from guardian.baseline.evaluate import ready
from guardian.baseline.facts import nginx, redis, tls
from guardian.baseline.facts.localroot import LocalRoot
from guardian.baseline.facts.reading import Host
from guardian.baseline.policy import Library, library
from guardian.baseline.scan import Asked
from guardian.baseline.unrecorded import scan_tree
from guardian.errors import ExitCode
from guardian.model.secret import Secret


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"guardian_tests_{name}", Path(__file__).parents[1] / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


certificates = _module("certificates")
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
needs_redis = pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")


@cache
def known() -> Library:
    return library()


def verdicts(family: str, facts: Any) -> dict[str, str]:
    now = datetime.now(UTC)
    rules = known().families[family]
    return {rule.id: ready(rule, family, rules.target).judge(facts, now).status for rule in rules.rules}


def of(found: dict[str, str], status: str) -> set[str]:
    return {rule for rule, each in found.items() if each == status}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def running(*argv: str, port: int) -> Iterator[None]:
    """A program that answers on ``port``, ended by its own handle."""
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _attempt in range(200):
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                assert process.poll() is None, argv
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def authority() -> Any:
    return certificates.make("test authority", authority=True)


# Redis


@pytest.fixture(scope="module")
def redis_good(authority: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Options]:
    folder = tmp_path_factory.mktemp("redis")
    port = free_port()
    certificate, key = certificates.make("127.0.0.1", authority, names=("127.0.0.1",)).write(folder, "s", authority)
    (folder / "ca.pem").write_bytes(authority.pem)
    config = folder / "redis.conf"
    config.write_text(
        f"bind 127.0.0.1\nport 0\ntls-port {port}\ntls-cert-file {certificate}\ntls-key-file {key}\n"
        f'tls-ca-cert-file {folder}/ca.pem\ntls-auth-clients no\ntls-protocols "TLSv1.2 TLSv1.3"\ndir {folder}\n'
        "appendonly yes\nmaxmemory 50mb\ntimeout 600\n"
        f"logfile {folder}/log\ninclude {folder}/users*.conf\n"
    )
    (folder / "users.conf").write_text(
        "user default off\nuser app on >app-S3cret ~app:* +@read +@write -@dangerous\n"
        "user scan on >scan-S3cret -@all +ping +info +config|get +acl|list\n"
    )
    config.chmod(0o640)
    with running("redis-server", str(config), port=port):
        yield redis.Options(
            address=f"127.0.0.1:{port}", user="scan", password=Secret(b"scan-S3cret"), tls=True,
            cacert=str(folder / "ca.pem"), config=str(config),
        )  # fmt: skip


@needs_redis
def test_a_redis_that_is_as_it_should_be(redis_good: redis.Options) -> None:
    facts = redis.collect(redis_good)
    found = verdicts("redis", facts)
    assert of(found, "pass") | of(found, "not_applicable") == set(found), {
        r: s for r, s in found.items() if s != "pass"
    }
    assert of(found, "not_applicable") == {"GD-RED-004", "GD-RED-018"}
    assert "S3cret" not in json.dumps(facts)
    assert facts["redis"]["connection"] == {"tls": True, "open_to_all": False, "network": True}


@needs_redis
def test_its_files_say_the_same_as_the_server(redis_good: redis.Options) -> None:
    live = redis.collect(redis_good)
    tree = redis.collect(replace(redis_good, address=None))
    assert tree["redis"].keys() == live["redis"].keys()
    written = tree["redis"]["config"]
    assert {name: live["redis"]["config"].get(name) for name in written} == written
    one, other = (
        {u["name"]: {**u, "commands": [], "plain_passwords": 0} for u in t["redis"]["users"]} for t in (live, tree)
    )
    assert one == other
    one, other = verdicts("redis", live), verdicts("redis", tree)
    assert {rule for rule in one if one[rule] != other[rule]} == {
        "GD-RED-011",
        "GD-RED-015",
    }  # only a running server tells its last save and its version


@needs_redis
def test_one_who_may_not_ask_a_redis_gets_unknowns(redis_good: redis.Options) -> None:
    whole = verdicts("redis", redis.collect(redis_good))
    asked = replace(redis_good, user="app", password=Secret(b"app-S3cret"), config=None)
    blind = verdicts("redis", redis.collect(asked))
    assert set(blind.values()) == {"unknown"}
    assert set(whole.values()) == {"pass", "not_applicable"}
    wrong = redis.collect(replace(redis_good, password=Secret(b"wrong")))
    assert "WRONGPASS" in wrong["redis"]["$err"]
    impostor = redis.collect(replace(redis_good, cacert=None))
    assert "no TLS" in impostor["redis"]["$err"]


@needs_redis
def test_a_redis_that_is_as_it_should_not_be(tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "redis.conf"
    config.write_text(
        f'port {port}\nprotected-mode no\nsave ""\nenable-debug-command yes\nstop-writes-on-bgsave-error no\n'
        f'replicaof 127.0.0.1 1\ndir {tmp_path}\nuser "o\'dd" on nopass ~* +get\nuser ops on >x ~* +@all\n'
    )
    config.chmod(0o644)
    with running("redis-server", str(config), port=port):
        facts = redis.collect(redis.Options(address=f"127.0.0.1:{port}", config=str(config)))
    found = verdicts("redis", facts)
    assert of(found, "pass") == {"GD-RED-011", "GD-RED-015"}  # nothing was saved yet, and the version is in support
    assert of(found, "not_applicable") == {"GD-RED-005"}
    assert of(found, "unknown") == set()
    assert facts["redis"]["connection"]["open_to_all"] is True
    assert "o'dd" in {user["name"] for user in facts["redis"]["users"]}


# nginx

GOOD_SITE = """
user daemon;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{}}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server_tokens off;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_ciphers HIGH:!aNULL:!MD5;
  ssl_prefer_server_ciphers on;
  client_max_body_size 20m;
  limit_req_zone $binary_remote_addr zone=one:1m rate=10r/s;
  upstream app {{ server 127.0.0.1:9; }}
  include {folder}/sites/*.conf;
}}
"""
SITE = """
server {{ listen 127.0.0.1:{port} ssl default_server; listen 80 default_server; ssl_certificate {certificate};
  ssl_certificate_key {key}; server_name _; return 444; }}
server {{ listen 443; listen 80; server_name a.example; return 301 https://$host$request_uri; }}
server {{
  listen 127.0.0.1:{port} ssl; listen 8443 ssl; server_name a.example;
  ssl_certificate {certificate}; ssl_certificate_key {key}; root {folder}/www; limit_req zone=one burst=5;
  add_header Strict-Transport-Security "max-age=31536000" always;
  add_header X-Content-Type-Options nosniff; add_header X-Frame-Options DENY;
  location / {{ try_files $uri =404; }}
  location /app/ {{ proxy_pass http://app; }}
  location /files/ {{ alias {folder}/files/; }}
  location /status {{ stub_status; allow 127.0.0.1; deny all; }}
  location ~ /\\. {{ deny all; }}
}}
"""
BAD_SITE = """
user root;
pid {folder}/pid; error_log {folder}/e.log emerg;
events {{}}
http {{
  access_log off; ssl_protocols TLSv1 TLSv1.2; ssl_ciphers ALL; client_max_body_size 0; client_header_timeout 10m;
  server {{
    listen 80; listen 8443 ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; root /etc;
    add_header X-A 1;
    location / {{ autoindex on; add_header X-B 2; }}
    location /img {{ alias /srv/img/; }}
    location /far {{ proxy_pass http://10.1.2.3; }}
    location /tls {{ proxy_pass https://10.1.2.3; }}
    location /go {{ return 302 https://$host$uri; }}
    location /status {{ stub_status; }}
  }}
}}
"""


@pytest.fixture(scope="module")
def site(authority: Any) -> Iterator[dict[str, Any]]:
    """A folder with a good site, and how its texts are filled in. nobody can go there."""
    folder = Path(mkdtemp(prefix="nginx-", dir="/tmp"))
    folder.chmod(0o755)
    (folder / "sites").mkdir()
    pair = certificates.make("a.example", authority, names=("a.example", "127.0.0.1"))
    certificate, key = pair.write(folder, "site", authority)
    (folder / "ca.pem").write_bytes(authority.pem)
    words = {"folder": folder, "certificate": certificate, "key": key, "port": free_port()}
    (folder / "nginx.conf").write_text(GOOD_SITE.format(**words))
    text = SITE.format(**words)
    if os.geteuid() != 0:  # low ports are root's
        text = text.replace("listen 80 ", f"listen {free_port()} ").replace("listen 80;", f"listen {free_port()};")
        text = text.replace("listen 443;", "")
    (folder / "sites/a.conf").write_text(text)
    yield words
    shutil.rmtree(folder)


@needs_nginx
def test_an_nginx_that_is_as_it_should_be(site: dict[str, Any]) -> None:
    facts = nginx.collect(nginx.Options(f"{site['folder']}/nginx.conf", NGINX))
    found = verdicts("nginx", facts)
    assert {rule for rule in found if found[rule] != "pass"} == set(), facts["nginx"]
    assert facts["nginx"]["test"]["agrees"] is True


@needs_nginx
def test_its_files_below_a_root_say_the_same(site: dict[str, Any], tmp_path: Path) -> None:
    live = nginx.collect(nginx.Options(f"{site['folder']}/nginx.conf", NGINX))["nginx"]
    copy = tmp_path / str(site["folder"]).lstrip("/")
    shutil.copytree(site["folder"], copy)
    tree = nginx.collect(nginx.Options(f"{site['folder']}/nginx.conf", host=Host(LocalRoot(tmp_path))))["nginx"]
    assert tree.keys() == live.keys()
    asked = {"version", "about", "test"}
    assert {k: v for k, v in tree.items() if k not in asked} == {k: v for k, v in live.items() if k not in asked}
    assert all(tree[key] == {"$err": "not live: read from a tree"} for key in asked)


@needs_nginx
def test_an_nginx_that_is_as_it_should_not_be(site: dict[str, Any]) -> None:
    config = site["folder"] / "bad.conf"
    config.write_text(BAD_SITE.format(**site))
    facts = nginx.collect(nginx.Options(str(config), NGINX))
    found = verdicts("nginx", facts)
    assert of(found, "pass") <= {"GD-NGX-023", "GD-NGX-024"}
    assert of(found, "unknown") <= {"GD-NGX-023"}  # without root nginx cannot even test it
    inner = {each["path"]: (each["file"], each["line"]) for each in facts["nginx"]["servers"][0]["locations"]}
    assert inner["/img"] == (str(config), 11)


@needs_nginx
def test_what_nginx_refuses_or_reads_otherwise_is_not_believed(site: dict[str, Any]) -> None:
    config = site["folder"] / "odd.conf"
    config.write_text("events {}\nhttp { nonsense on; server { listen 127.0.0.1:1; } }\n")
    facts = nginx.collect(nginx.Options(str(config), NGINX))
    assert facts["nginx"]["test"]["ok"] is False
    assert "nonsense" in facts["nginx"]["test"]["error"]
    assert verdicts("nginx", facts)["GD-NGX-023"] == "fail"
    changing = site["folder"] / "changing"
    changing.write_text(
        '#!/bin/sh\ncase "$1" in -V) echo "nginx version: nginx/1.24.0" >&2;; *) echo "# another";; esac\n'
    )
    changing.chmod(0o755)
    other = nginx.collect(nginx.Options(f"{site['folder']}/nginx.conf", str(changing)))
    assert "nginx reads other files" in other["nginx"]["$err"]
    gone = nginx.collect(nginx.Options(f"{site['folder']}/nginx.conf", "/gone/nginx"))
    assert gone["nginx"]["test"] == {"$err": "no such program: nginx"}
    assert "$err" not in gone["nginx"]["servers"][0]


def test_services_below_a_root_are_targets_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "etc/nginx").mkdir(parents=True)
    (tmp_path / "etc/redis").mkdir()
    (tmp_path / "etc/nginx/nginx.conf").write_text("events {} http { server { listen 80; } }")
    (tmp_path / "etc/redis/redis.conf").write_text("bind 0.0.0.0\nprotected-mode no\n")
    scanned = scan_tree(tmp_path, Asked(baselines=("nginx", "redis")))
    broken = {each.rule: each.target.id for each in scanned.findings if each.status == "fail"}
    assert broken["GD-NGX-003"] == f"{tmp_path}/nginx"
    assert broken["GD-RED-002"] == f"{tmp_path}/redis"
    assert scanned.exit_code == ExitCode.BAD_ANSWER
    (tmp_path / "etc/nginx/nginx.conf").write_text("http {")
    blind = scan_tree(tmp_path, Asked(baselines=("nginx",)))
    assert {each.status for each in blind.findings} == {"unknown"}
    assert blind.exit_code == ExitCode.COULD_NOT_VERIFY


# TLS


@needs_nginx
def test_an_endpoint_that_is_as_it_should_be(site: dict[str, Any]) -> None:
    config = str(site["folder"] / "nginx.conf")
    with running(str(NGINX), "-c", config, "-g", "daemon off;", port=site["port"]):
        options = tls.Options(f"127.0.0.1:{site['port']}", "a.example", cacert=str(site["folder"] / "ca.pem"))
        facts = tls.collect(options)
        stranger = tls.collect(replace(options, server_name="b.example", cacert=None))
    found = verdicts("tls", facts)
    assert set(found.values()) == {"pass"}, {rule: each for rule, each in found.items() if each != "pass"}
    assert len(facts["tls"]["chain"]) == 2
    assert of(verdicts("tls", stranger), "fail") == {"GD-TLS-003", "GD-TLS-004"}


@contextmanager
def speaking(folder: Path, pair: Any, *chain: Any, old: bool = False) -> Iterator[str]:
    """A TLS server with this certificate; ``old``: TLS 1.0 and 1.1 with suites that nobody should use any more."""
    certificate, key = pair.write(folder, "server", *chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if old:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        context.set_ciphers("AES128-SHA:AECDH-AES128-SHA:NULL-SHA:@SECLEVEL=0")
    else:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with suppress(OSError), connection, context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


NAMES = ("127.0.0.1",)
GONE, SOON, LONG = (-400, -1), (-60, 3), (-1, 3650)


def look(folder: Path, authority: Any, pair: Any, *chain: Any, old: bool = False) -> Any:
    (folder / "ca.pem").write_bytes(authority.pem)
    with speaking(folder, pair, *chain, old=old) as address:
        return tls.collect(tls.Options(address, cacert=str(folder / "ca.pem")))


def test_certificates_that_should_not_be(authority: Any, tmp_path: Path) -> None:
    def fails(pair: Any, *chain: Any) -> set[str]:
        facts = look(tmp_path, authority, pair, *chain)
        assert of(verdicts("tls", facts), "unknown") == set(), facts
        return of(verdicts("tls", facts), "fail")

    make = certificates.make
    assert fails(make("x", authority, names=NAMES)) == set()
    expired = make("x", authority, names=NAMES, days=GONE)
    assert fails(expired) == {"GD-TLS-001", "GD-TLS-002", "GD-TLS-003", "GD-TLS-011", "GD-TLS-012"}
    assert fails(make("x", authority, names=NAMES, days=SOON)) == {"GD-TLS-002"}
    assert fails(make("x", authority, names=("other.example",))) == {"GD-TLS-004"}
    assert fails(make("x", names=NAMES, days=LONG)) == {"GD-TLS-003", "GD-TLS-011"}
    weak = make("x", authority, names=NAMES, bits=1024)
    assert "GD-TLS-005" in fails(weak)
    middle = make("middle", authority, authority=True)
    assert "GD-TLS-006" in fails(by_sha1(tmp_path, middle), middle)
    assert fails(make("x", middle, names=NAMES)) == {"GD-TLS-003"}  # its authority was left out
    ended = make("middle", authority, authority=True, days=GONE)
    assert fails(make("x", ended, names=NAMES), ended) == {"GD-TLS-003", "GD-TLS-012"}


def by_sha1(folder: Path, authority: Any) -> Any:
    """A certificate signed in a way that the library we use will not sign any more."""
    certificate, key = authority.write(folder, "middle")
    pair = certificates.make("x", authority, names=NAMES, bits=2048)
    request = (
        x509.CertificateSigningRequestBuilder().subject_name(pair.certificate.subject).sign(pair.key, hashes.SHA256())
    )
    sign = ["openssl", "x509", "-req", "-sha1", "-days", "90", "-CA", certificate, "-CAkey", key]
    signed = subprocess.run(
        sign, input=request.public_bytes(serialization.Encoding.PEM), capture_output=True, check=True, cwd=folder
    ).stdout
    return certificates.Pair(x509.load_pem_x509_certificate(signed), pair.key)


def test_versions_and_suites_that_should_not_be(authority: Any, tmp_path: Path) -> None:
    facts = look(tmp_path, authority, certificates.make("x", authority, names=NAMES, bits=2048), old=True)["tls"]
    assert facts["protocols"] == {"SSLv3": False, "TLSv1": True, "TLSv1.1": True, "TLSv1.2": False, "TLSv1.3": False}
    taken = {group for group, there in facts["ciphers"].items() if there}
    assert taken == {"anonymous", "null", "no-forward-secrecy"}
    found = verdicts("tls", {"tls": facts})
    assert of(found, "fail") == {"GD-TLS-007", "GD-TLS-008", "GD-TLS-009", "GD-TLS-010", "GD-TLS-013"}
