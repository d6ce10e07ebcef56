"""Trusted platform modules."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, child, element, flag, required, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain.address import AcpiIndex, Address, Alias


@element("device")
class TpmDevice(Element):
    """The host's TPM."""

    path: str = required(attribute(dt.ABSPATH))


@element("encryption")
class TpmEncryption(Element):
    """The secret that encrypts the state of an emulated TPM."""

    secret: str = required(attribute(dt.UUID))


@element("active_pcr_banks")
class PcrBanks(Element):
    """Which banks of platform configuration registers are active."""

    sha1: bool = flag()
    sha256: bool = flag()
    sha384: bool = flag()
    sha512: bool = flag()


@element("profile")
class TpmProfile(Element):
    """A profile of TPM features (libtpms)."""

    source: str | None = attribute(dt.STRING)
    name: str | None = attribute(dt.STRING, volatile=True)
    remove_disabled: Literal["check", "fips-host"] | None = attribute(name="removeDisabled")


@element("source", by="type")
class TpmStateSource(Element):
    """Where an emulated TPM keeps its state."""

    type: Literal["file", "dir"] = attribute(required=True)
    path: str = required(attribute(dt.ABSPATH))


@variant("file")
class TpmStateFile(TpmStateSource):
    """A file."""


@variant("dir")
class TpmStateDirectory(TpmStateSource):
    """A directory."""


@element("source")
class TpmSocket(Element):
    """The socket of a TPM emulator that runs by itself."""

    type: Literal["unix"] = required(attribute())
    mode: Literal["connect"] | None = attribute()
    path: str = required(attribute(dt.ABSPATH))


@element("backend", by="type")
class TpmBackend(Element):
    """Who plays the TPM."""

    type: Literal["passthrough", "emulator", "external"] = attribute(required=True)


@variant("passthrough")
class TpmPassthrough(TpmBackend):
    """The host's TPM."""

    device: TpmDevice | None = child()


@variant("emulator")
class TpmEmulator(TpmBackend):
    """swtpm, started with the guest."""

    version: Literal["1.2", "2.0"] | None = attribute()
    persistent_state: bool | None = attribute(dt.BOOL)
    debug: int | None = attribute(dt.UINT)
    encryption: TpmEncryption | None = child()
    active_pcr_banks: PcrBanks | None = child(name="active_pcr_banks")
    source: TpmStateSource | None = child()
    profile: TpmProfile | None = child()


@variant("external")
class TpmExternal(TpmBackend):
    """An emulator that runs by itself."""

    source: TpmSocket = required(child())


@element("tpm")
class Tpm(Element):
    """A trusted platform module."""

    model: Literal["tpm-tis", "tpm-crb", "tpm-spapr", "spapr-tpm-proxy"] | None = attribute()
    backend: TpmBackend = required(child())
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()
