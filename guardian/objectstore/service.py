"""A client of a storage service, bound to one endpoint and one set of credentials; nothing of the account's ~/.aws."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guardian import __version__
from guardian.errors import ConfigError, Unavailable
from guardian.i18n import _
from guardian.model.secret import Secret
from guardian.objectstore.sigv4 import Keys

DEFAULT_REGION = "us-east-1"
_CONNECT_TIMEOUT = 5  # seconds
_READ_TIMEOUT = 20
_ATTEMPTS = 3
# The variables of a credentials file.
_KEY_ID = "AWS_ACCESS_KEY_ID"
_SECRET = "AWS_SECRET_ACCESS_KEY"  # noqa: S105  a name
_TOKEN = "AWS_SESSION_TOKEN"  # noqa: S105  a name
# The services that want the bucket in the host's name: the same ones restic asks that way.
BUCKET_IN_HOST = (".amazonaws.com", ".amazonaws.com.cn", ".aliyuncs.com", ".googleapis.com")


@dataclass(frozen=True, slots=True)
class Service:
    """Where it is. ``endpoint`` None: where the service is by its own rules. ``connections`` are kept open at most."""

    endpoint: str | None
    host: str
    region: str
    cacert: str | None = None
    connections: int = 10


def open_service(name: str, service: Service, credentials: Mapping[str, Secret]) -> Any:
    """A boto3 client of ``name`` (``s3``, ``iam``); nothing is sent yet.

    Raises Unavailable when boto3 is not installed, ConfigError when a credential is missing.
    """
    try:
        import boto3.session  # noqa: PLC0415  large and optional
        import botocore.session  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415
    except ImportError as error:
        raise Unavailable(
            _("the Python package boto3 is not installed"),
            _("Install Guardian with its S3 part: pip install 'guardian-dr[s3]'."),
        ) from error
    keys = signing_keys(credentials)
    # Nothing of the account's ~/.aws may change whom we speak to and as whom.
    bare = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, "/dev/null", None),
            "credentials_file": (None, None, "/dev/null", None),
        }
    )
    session: Any = boto3.session.Session(botocore_session=bare)  # the stubs know literals only
    return session.client(
        name,
        endpoint_url=service.endpoint,
        region_name=service.region,
        verify=service.cacert or True,
        aws_access_key_id=keys.key_id,
        aws_secret_access_key=keys.secret.reveal().decode("utf-8", "surrogateescape"),
        aws_session_token=keys.token,
        config=Config(
            connect_timeout=_CONNECT_TIMEOUT,
            read_timeout=_READ_TIMEOUT,
            retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
            signature_version="s3v4" if name == "s3" else None,
            proxies={},  # restic gets no HTTP_PROXY from us either: both doors lead to the same storage
            s3={"addressing_style": "virtual" if service.host.endswith(BUCKET_IN_HOST) else "path"},
            # Checksums where the protocol asks for one: not every S3 server knows the newer ones.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            max_pool_connections=service.connections,
            user_agent=f"guardian/{__version__}",
        ),
    )


def signing_keys(credentials: Mapping[str, Secret]) -> Keys:
    """Who signs. Raises ConfigError when a credential is missing."""
    key_id, secret = _text(credentials, _KEY_ID), credentials.get(_SECRET)
    if not key_id or secret is None or not secret.reveal():
        raise ConfigError(
            _("the storage's credentials lack {first} or {second}").format(first=_KEY_ID, second=_SECRET),
            _("'credentials' names a file with the lines AWS_ACCESS_KEY_ID=… and AWS_SECRET_ACCESS_KEY=…."),
        )
    return Keys(key_id, secret, _text(credentials, _TOKEN))


def region_of(credentials: Mapping[str, Secret]) -> str:
    """The region that the credentials name, as restic takes it from them, else the usual one."""
    return _text(credentials, "AWS_DEFAULT_REGION") or _text(credentials, "AWS_REGION") or DEFAULT_REGION


def _text(credentials: Mapping[str, Secret], name: str) -> str | None:
    secret = credentials.get(name)
    return secret.reveal().decode("utf-8", "surrogateescape") if secret else None
