"""Keys are made once, kept private, and never printed."""

import base64
import pickle
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.errors import ConfigError, Unavailable, UsageError
from guardian.keys import passwords
from guardian.keys.signing import SigningKey, VerifyKey
from guardian.keys.store import KeyStore, RepositoryRecord
from guardian.model.secret import Secret

NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
"""The key of the Go project's signed-note tests."""

RFC8032_SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
RFC8032_PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
RFC8032_SIGNATURE = bytes.fromhex(
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
)


def test_ed25519_known_answer() -> None:
    """RFC 8032, section 7.1, test 1."""
    key = SigningKey.load(Secret(RFC8032_SEED))
    assert key.verify_key.raw == RFC8032_PUBLIC
    assert key.sign(b"") == RFC8032_SIGNATURE
    assert key.verify_key.verify(RFC8032_SIGNATURE, b"")
    assert not key.verify_key.verify(RFC8032_SIGNATURE, b"x")
    assert not key.verify_key.verify(b"short", b"")


def test_a_known_verifier_key_reads_and_writes() -> None:
    name, key = VerifyKey.parse(NEUMANN + "\n")
    assert name == "PeterNeumann"
    assert key.vkey(name) == NEUMANN


@pytest.mark.parametrize(
    "line",
    [
        "",
        "x",
        "a+b+c",
        NEUMANN.replace("c74f20a3", "c74f20a4"),
        NEUMANN.replace("PeterNeumann", "Other"),
        NEUMANN[:-4],
        NEUMANN.replace("+AR", "+BR"),
        "two words+00000000+" + base64.b64encode(b"\x01" + b"k" * 32).decode(),
    ],
)
def test_a_damaged_verifier_key_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="verifier key"):
        VerifyKey.parse(line)


@given(st.binary(max_size=100))
def test_no_bytes_crash_the_key_loader(data: bytes) -> None:
    if len(data) == 32:
        SigningKey.load(Secret(data))
        return
    with pytest.raises(ConfigError) as caught:
        SigningKey.load(Secret(data))
    assert caught.value.message == "the signing key cannot be read"
    assert caught.value.__context__ is None


def test_a_signing_key_survives_its_pem_and_never_shows() -> None:
    key = SigningKey.generate()
    assert SigningKey.load(key.to_pem()).verify_key == key.verify_key
    pem = key.to_pem().reveal().decode()
    assert pem.splitlines()[1] not in repr(key)
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_a_pem_of_another_algorithm_is_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ConfigError):
        SigningKey.load(Secret(pem))


def test_a_password_has_256_bits_and_its_own_file(tmp_path: Path) -> None:
    password = passwords.create(tmp_path / "p")
    assert len(base64.urlsafe_b64decode(password.reveal() + b"=")) == 32
    assert stat.S_IMODE((tmp_path / "p").stat().st_mode) == 0o600
    assert passwords.load(tmp_path / "p").reveal() == password.reveal()
    with pytest.raises(FileExistsError):
        passwords.create(tmp_path / "p")
    assert passwords.load(tmp_path / "p").reveal() == password.reveal()


@pytest.mark.parametrize(
    ("content", "password"), [(b" a b ", b" a b "), (b"x\n", b"x"), (b"x\n\n", b"x\n"), (b"x\r\n", b"x\r")]
)
def test_only_one_newline_is_trimmed(tmp_path: Path, content: bytes, password: bytes) -> None:
    path = tmp_path / "p"
    path.write_bytes(content)
    path.chmod(0o600)
    assert passwords.load(path).reveal() == password


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o601])
def test_a_password_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "p"
    path.write_bytes(b"secret-words")
    path.chmod(mode)
    with pytest.raises(ConfigError, match="by others") as caught:
        passwords.load(path)
    assert caught.value.hint == f"Run: chmod 600 {path}"


def test_empty_missing_and_huge_passwords(tmp_path: Path) -> None:
    path = tmp_path / "p"
    with pytest.raises(Unavailable, match="missing"):
        passwords.load(path)
    for content, words in ((b"", "empty"), (b"\n", "empty"), (b"x" * 10_000, "too large")):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(ConfigError, match=words):
            passwords.load(path)


def test_the_signing_key_is_made_once(tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    with pytest.raises(Unavailable):
        store.signing_key()
    key = store.ensure_signing_key("example.org/log")
    assert KeyStore(tmp_path).ensure_signing_key("example.org/log").verify_key == key.verify_key
    assert store.verifier() == ("example.org/log", key.verify_key)
    assert stat.S_IMODE((tmp_path / "keys" / "signing.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_a_lost_public_half_is_written_again(tmp_path: Path) -> None:
    key = KeyStore(tmp_path).ensure_signing_key("o")
    (tmp_path / "keys" / "signing.pub").unlink()
    KeyStore(tmp_path).ensure_signing_key("o")
    assert KeyStore(tmp_path).verify_key() == key.verify_key


def test_a_lost_private_key_is_not_replaced_in_silence(tmp_path: Path) -> None:
    KeyStore(tmp_path).ensure_signing_key("o")
    (tmp_path / "keys" / "signing.key").unlink()
    with pytest.raises(Unavailable, match="missing"):
        KeyStore(tmp_path).ensure_signing_key("o")


def test_a_swapped_private_key_is_refused(tmp_path: Path) -> None:
    KeyStore(tmp_path).ensure_signing_key("o")
    with pytest.raises(ConfigError, match="does not belong"):
        KeyStore(tmp_path, signing=SigningKey.generate().to_pem()).ensure_signing_key("o")


def test_given_secrets_take_the_place_of_files(tmp_path: Path) -> None:
    key = SigningKey.generate()
    store = KeyStore(tmp_path, signing=key.to_pem(), passwords={"main": Secret(b"given")})
    assert store.ensure_signing_key("o").verify_key == key.verify_key
    assert store.ensure_password("main").reveal() == b"given"
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["signing.pub"]
    assert [(s.kind, s.name, s.present, s.origin) for s in store.status()] == [
        ("signing", "signing", True, "given"),
        ("password", "main", True, "given"),
    ]


def test_passwords_and_records(tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    password = store.ensure_password("main")
    assert store.ensure_password("main").reveal() == store.password("main").reveal() == password.reveal()
    assert store.record("main") is None
    record = RepositoryRecord(repository_id="ab" * 32, restic_key_id="cd" * 32, created="2026-01-01T00:00:00Z")
    store.save_record("main", record)
    assert KeyStore(tmp_path).record("main") == record
    (tmp_path / "keys" / "main.password").unlink()
    with pytest.raises(Unavailable, match="password of repository main is missing"):
        store.ensure_password("main")
    (tmp_path / "keys" / "main.json").write_bytes(b"{half")
    with pytest.raises(ConfigError, match="damaged"):
        store.ensure_password("main")


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a\n", "x" * 200, "名"])
def test_a_repository_key_never_leaves_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        KeyStore(tmp_path).ensure_password(name)


def test_status_tells_what_is_wrong_and_no_secret(tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    assert [(s.kind, s.present, s.key_id) for s in store.status()] == [("signing", False, None)]
    key = store.ensure_signing_key("o")
    secret = store.ensure_password("main").reveal().decode()
    store.save_record("gone", RepositoryRecord(repository_id="x", restic_key_id="k", created="2026-01-01T00:00:00Z"))
    (tmp_path / "keys" / "main.password").chmod(0o644)
    signing, gone, main = store.status()
    assert (signing.key_id, signing.present, signing.mode_ok) == (key.key_id, True, True)
    assert (gone.name, gone.present, gone.key_id, gone.created) == ("gone", False, "k", None)
    assert (main.name, main.present, main.mode_ok) == ("main", True, False)
    assert main.created is not None
    assert secret not in repr(store.status())


def test_keys_that_may_not_be_looked_at_are_not_missing(tmp_path: Path) -> None:
    """A name too long stands for a closed folder, which does not stop a test that runs as root."""
    with pytest.raises(Unavailable):
        KeyStore(tmp_path / ("x" * 300)).status()
