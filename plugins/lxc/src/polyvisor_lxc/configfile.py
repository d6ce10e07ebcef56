"""Configuration files of liblxc: their lines, and the names that keys had before liblxc 3.

The source of the keys is lxc.container.conf(5); of the old names, what lxc-update-config(1) turns them into.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from polyvisor.errors import InvalidArgument

RENAMED = {
    "lxc.aa_allow_incomplete": "lxc.apparmor.allow_incomplete",
    "lxc.aa_profile": "lxc.apparmor.profile",
    "lxc.console": "lxc.console.path",
    "lxc.devttydir": "lxc.tty.dir",
    "lxc.haltsignal": "lxc.signal.halt",
    "lxc.id_map": "lxc.idmap",
    "lxc.init_cmd": "lxc.init.cmd",
    "lxc.init_gid": "lxc.init.gid",
    "lxc.init_uid": "lxc.init.uid",
    "lxc.logfile": "lxc.log.file",
    "lxc.loglevel": "lxc.log.level",
    "lxc.mount": "lxc.mount.fstab",
    "lxc.pts": "lxc.pty.max",
    "lxc.rebootsignal": "lxc.signal.reboot",
    "lxc.rootfs": "lxc.rootfs.path",
    "lxc.se_context": "lxc.selinux.context",
    "lxc.seccomp": "lxc.seccomp.profile",
    "lxc.stopsignal": "lxc.signal.stop",
    "lxc.syslog": "lxc.log.syslog",
    "lxc.tty": "lxc.tty.max",
    "lxc.utsname": "lxc.uts.name",
}
"""Key of liblxc 1 and 2 -> key of liblxc 3 and later."""

_OLD_NAMES = {new: old for old, new in RENAMED.items()}
_OLD_NETWORK = {"ipv4": "ipv4.address", "ipv6": "ipv6.address"}
_NEW_NETWORK = {new: old for old, new in _OLD_NETWORK.items()}


@dataclass(frozen=True, slots=True)
class Setting:
    """One line: ``key = value``. ``line`` counts from 1; 0 for a setting that no file holds."""

    key: str
    value: str
    line: int = 0


@dataclass(slots=True)
class Network:
    """The settings of one ``lxc.net.N`` section, keys without that prefix; a key may stand several times."""

    number: int
    line: int = 0
    settings: list[Setting] = field(default_factory=list)

    def get(self, key: str) -> str | None:
        """The last value of ``key`` that is not empty; None without one."""
        return next((each.value for each in reversed(self.settings) if each.key == key and each.value), None)

    def every(self, key: str) -> list[str]:
        """All values of ``key``."""
        return [each.value for each in self.settings if each.key == key and each.value]


@dataclass(slots=True)
class Configuration:
    """A file's settings under the keys of liblxc 3 and later, and its network sections by number."""

    settings: list[Setting] = field(default_factory=list)
    networks: dict[int, Network] = field(default_factory=dict)

    def get(self, key: str) -> str | None:
        """The last value of ``key`` that is not empty; None without one."""
        return next((each.value for each in reversed(self.settings) if each.key == key and each.value), None)

    def every(self, key: str) -> list[Setting]:
        """The settings of a list key: an empty value takes back those before it."""
        found: list[Setting] = []
        for each in self.settings:
            if each.key == key:
                found = [*found, each] if each.value else []
        return found


def parse(text: str) -> Configuration:
    """Read a configuration file of any liblxc.

    Raises InvalidArgument, naming the line, for what is no setting and for includes, which would read other files."""
    configuration = Configuration()
    current: Network | None = None
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        key, equals, value = stripped.partition("=")
        setting = Setting(key.strip(), _unquoted(value.strip()), number)
        if not equals or not setting.key:
            raise InvalidArgument(f"line {number} is no 'key = value': {stripped[:60]}")
        if setting.key == "lxc.include":
            raise InvalidArgument(
                f"line {number} includes {setting.value}, and a conversion reads no other files",
                hint="put the lines of that file in the place of lxc.include",
            )
        if setting.key.startswith("lxc.network"):
            current = _old_network(configuration, current, setting)
        elif setting.key.startswith("lxc.net.") or setting.key == "lxc.net":
            _network(configuration, setting)
        else:
            configuration.settings.append(Setting(modern(setting.key), setting.value, number))
    return configuration


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def modern(key: str) -> str:
    """The name of ``key`` since liblxc 3."""
    if key.startswith("lxc.limit."):
        return "lxc.prlimit." + key.removeprefix("lxc.limit.")
    return RENAMED.get(key, key)


def _old_network(configuration: Configuration, current: Network | None, setting: Setting) -> Network | None:
    """Until liblxc 2 a section is whatever follows a ``lxc.network.type``."""
    name = setting.key.removeprefix("lxc.network").removeprefix(".")
    if not name:
        configuration.networks.clear()
        return None
    if name == "type":
        current = Network(len(configuration.networks), setting.line)
        configuration.networks[current.number] = current
    if current is None:
        raise InvalidArgument(f"line {setting.line}: {setting.key} stands before any lxc.network.type")
    current.settings.append(Setting(_OLD_NETWORK.get(name, name), setting.value, setting.line))
    return current


def _network(configuration: Configuration, setting: Setting) -> None:
    number, _, name = setting.key.removeprefix("lxc.net").removeprefix(".").partition(".")
    if not number:
        configuration.networks.clear()
    elif not number.isascii() or not number.isdigit() or not name:
        raise InvalidArgument(f"line {setting.line}: {setting.key} is not of the form lxc.net.NUMBER.NAME")
    else:
        section = configuration.networks.setdefault(int(number), Network(int(number), setting.line))
        section.settings.append(Setting(name, setting.value, setting.line))


def write(settings: Iterable[tuple[str, str]], *, version: int = 3) -> str:
    """The text of a file with these settings, given under the keys of liblxc 3; ``version`` 2 writes the older ones.

    Raises InvalidArgument for a value that one line cannot hold."""
    lines = []
    for key, value in settings:
        if any(character in value for character in "\n\r\0"):
            raise InvalidArgument(f"the value of {key} has a line break or NUL, which a configuration file cannot hold")
        lines.append(f"{key if version > 2 else _old(key)} = {value}".rstrip())
    return "\n".join(lines) + "\n"


def _old(key: str) -> str:
    if key.startswith("lxc.net."):
        _, _, name = key.removeprefix("lxc.net.").partition(".")
        return "lxc.network." + _NEW_NETWORK.get(name, name)
    if key.startswith("lxc.prlimit."):
        return "lxc.limit." + key.removeprefix("lxc.prlimit.")
    return _OLD_NAMES.get(key, key)
