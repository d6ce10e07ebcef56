"""Files of credentials in the format libvirt documents for ``auth.conf``.

::

    [credentials-lab]
    username=root
    password=secret

    [auth-esx-host1.example.org]
    credentials=lab

An ``auth-SERVICE-HOST`` group says which credentials a host takes; ``auth-SERVICE-default`` holds for hosts that no
group names.
"""

from __future__ import annotations

from pathlib import Path

from polyvisor.errors import ConfigurationError


class AuthFile:
    """What a file says, by group and key."""

    def __init__(self, groups: dict[str, dict[str, str]], source: str = "auth.conf") -> None:
        self.groups = groups
        self.source = source

    @classmethod
    def load(cls, path: Path) -> AuthFile:
        """Read a file. Raises ConfigurationError for what is not of the format."""
        return cls.parse(path.read_text(encoding="utf-8"), str(path))

    @classmethod
    def parse(cls, text: str, source: str = "auth.conf") -> AuthFile:
        """Read the text of one."""
        groups: dict[str, dict[str, str]] = {}
        group: dict[str, str] | None = None
        for number, written in enumerate(text.splitlines(), 1):
            line = written.strip()
            if not line or line[0] in "#;":
                continue
            if line[0] == "[" and line[-1] == "]":
                group = groups.setdefault(line[1:-1].strip(), {})
                continue
            key, equals, value = line.partition("=")
            if not equals or group is None:
                # the line itself may hold a password
                raise ConfigurationError(f"{source}, line {number}: neither '[group]' nor, in a group, 'key=value'")
            group[key.strip()] = value.strip()
        return cls(groups, source)

    def lookup(self, service: str, host: str, name: str) -> str | None:
        """The credential ``name`` (``username``, ``password``, ``authname``, ...) of a service on a host, or None.

        Raises ConfigurationError when the host's group leads to credentials that are not there."""
        for place in (host, "default"):
            group = f"auth-{service}-{place}"
            if group not in self.groups:
                continue
            chosen = self.groups[group].get("credentials")
            if chosen is None:
                raise ConfigurationError(f"{self.source}: [{group}] has no credentials=", hint="name a group of them")
            if f"credentials-{chosen}" not in self.groups:
                raise ConfigurationError(f"{self.source}: [{group}] names credentials {chosen!r}, which are not there")
            return self.groups[f"credentials-{chosen}"].get(name)
        return None
