"""Conversion between domain documents and configuration files of liblxc (``lxc-tools``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyvisor.errors import InvalidArgument, UnsupportedConfiguration
from polyvisor_lxc import configfile, exporting, importing
from polyvisor_lxc.session import LxcSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

FORMATS = {"lxc-tools": 3, "lxc-tools-2": 2}
"""Name of a format -> the version of liblxc whose keys are written. Either is read, and told apart by its keys."""


def _version(format: str) -> int:
    if format not in FORMATS:
        raise InvalidArgument(
            f"the lxc driver knows no format {format!r}",
            hint="it knows lxc-tools (keys of liblxc 3 and later) and lxc-tools-2 (the older ones)",
        )
    return FORMATS[format]


def from_native(session: LxcSession, format: str, text: str) -> Domain:
    """The domain a configuration file describes."""
    _version(format)
    return importing.from_configuration(text)


def to_native(session: LxcSession, format: str, config: Domain) -> str:
    """The configuration file of a container like ``config``."""
    from polyvisor.errors import NoSuchNetwork
    from polyvisor_lxc import networks

    try:
        config = networks.attached(session, config)
    except NoSuchNetwork as error:
        raise UnsupportedConfiguration(
            f"the bridge of an interface is not known: {error.message}",
            driver="lxc",
            hint="write the interface as <interface type='bridge'>, or define the network",
        ) from error
    return configfile.write(exporting.settings(config), version=_version(format))
