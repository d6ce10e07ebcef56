"""The secret document: what a secret is for. The secret itself is never in a document."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from enum import StrEnum

from polyvisor.documents import Element, attribute, child, element, required, value, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.contradictions import Contradiction, refuse


class SecretUsageType(StrEnum):
    """What uses a secret."""

    VOLUME = "volume"
    CEPH = "ceph"
    ISCSI = "iscsi"
    TLS = "tls"
    VTPM = "vtpm"


@element("usage", by="type")
class SecretUsage(Element):
    """What uses the secret, and the name by which it finds it; a name belongs to one secret of its type."""

    type: SecretUsageType = attribute(required=True)

    @property
    def identifier(self) -> str:
        """The name by which the secret is found."""
        raise NotImplementedError(f"<usage type='{self.type}'> has no class of its own")


@variant("volume")
class VolumeSecret(SecretUsage):
    """The key of an encrypted volume."""

    volume: str = required(value(dt.ABSPATH))

    @property
    def identifier(self) -> str:
        return self.volume


class _NamedSecret(SecretUsage):
    name: str = required(value(dt.NONEMPTY))

    @property
    def identifier(self) -> str:
        return self.name


@variant("ceph")
class CephSecret(_NamedSecret):
    """The key of a Ceph user, named in the document's own way."""


@variant("tls")
class TlsSecret(_NamedSecret):
    """The password of a TLS private key."""


@variant("vtpm")
class VtpmSecret(_NamedSecret):
    """The key that the state of an emulated TPM is encrypted with."""


@variant("iscsi")
class IscsiSecret(SecretUsage):
    """The CHAP password of an iSCSI target."""

    target: str = required(value(dt.NONEMPTY))

    @property
    def identifier(self) -> str:
        return self.target


@element("secret", kind="secret")
class Secret(Element):
    """A secret: ``ephemeral`` ones are kept in memory only, ``private`` ones never given back to anybody."""

    ephemeral: bool = attribute(dt.BOOL, default=False)
    private: bool = attribute(dt.BOOL, default=False)
    uuid: str | None = value(dt.UUID)
    description: str | None = value(dt.STRING)
    usage: SecretUsage | None = child()


def complete(secret: Secret) -> Secret:
    """Fill in, in place, what the document implies: an identifier; drop an empty description. Returns ``secret``."""
    secret.uuid = secret.uuid or str(uuid.uuid4())
    secret.description = secret.description or None
    return secret


def check(secret: Secret) -> None:
    """Raise InvalidDocument, with a fault for each contradiction, unless the document agrees with itself."""
    refuse(secret, "a secret", _contradictions(secret))


def _contradictions(secret: Secret) -> Iterator[Contradiction]:
    usage = secret.usage
    if usage is not None and not usage.identifier.strip():
        yield Contradiction(usage, f"a secret of type {usage.type} needs a name to be found by")
