"""Documents of sandboxes: their type, what a plain one implies, and what bwrap(1) makes of one."""

import os

from polyvisor import model
from polyvisor.errors import UnsupportedConfiguration
from polyvisor.model.domain import Console, Domain, Filesystem, GuestType, OperatingSystem, OsType
from polyvisor.model.domain.devices.chardev import OutputSource
from polyvisor.model.domain.devices.filesystem import DirectoryExport, FilesystemTarget
from polyvisor.model.domaintype import DOMAIN_TYPE
from polyvisor.spi import hookimpl

CONTRIBUTIONS = (DOMAIN_TYPE.word("bubblewrap"),)
FREE = {"name", "uuid", "title", "description", "metadata", "memory", "current_memory", "os", "devices"}
FREE_OF_OS = {"init", "init_arguments", "init_environment", "init_directory"}


class DocumentHooks:
    """What the driver says about documents; the core calls it for each one before the driver sees it."""

    @hookimpl
    def document_classes(self):
        return CONTRIBUTIONS

    @hookimpl
    def complete_domain(self, session, config):
        """The host's root, read-only, unless the document says otherwise; and a file for what the sandbox prints."""
        if not any(each.target.dir == "/" for each in config.devices.filesystems):
            config.devices.filesystems.insert(0, _mount(DirectoryExport(dir="/"), FilesystemTarget(dir="/"), True))
        if not config.devices.consoles:
            log = session.paths.log / f"{config.uuid}.log"
            config.devices.add(Console(type="file", sources=[OutputSource(path=str(log))]))
        model.complete("domain", config)  # what the devices that are new imply

    @hookimpl
    def check_domain(self, session, config):
        """Refuse whatever is neither free nor as a plain sandbox has it: bwrap cannot provide it."""
        system = OperatingSystem(type=GuestType(value=OsType.EXE))
        plain = model.complete("domain", Domain(type="bubblewrap", name="plain", memory=0, os=system))
        for ours, theirs, free in ((config, plain, FREE), (config.os, system, FREE_OF_OS)):
            for field in type(ours).fields():
                if field.attr not in free and getattr(ours, field.attr) != getattr(theirs, field.attr):
                    raise UnsupportedConfiguration(f"a sandbox cannot have this <{field.xml}> in <{ours.tag}>")
        if config.os.init is None:
            raise UnsupportedConfiguration("a sandbox needs a program to run", hint="name it in <os><init>")
        for device in config.devices:
            fits = isinstance(device, Console) and isinstance(device.source, OutputSource)
            if isinstance(device, Filesystem) and isinstance(device.source, DirectoryExport) and device.source.dir:
                fits = device == _mount(device.source, device.target, device.readonly)
            if not fits:
                raise UnsupportedConfiguration(f"a sandbox cannot have this <{device.tag}>")


def _mount(source, target, readonly):
    """As it stands in a completed document."""
    return model.complete("device", Filesystem(source=source, target=target, readonly=readonly))


def arguments(config):
    """What follows bwrap's name. sethostname(2) takes 64 bytes."""
    words = ["--unshare-all", "--new-session", "--hostname", os.fsencode(config.name)[:64], "--clearenv"]
    for each in sorted(config.devices.filesystems, key=lambda each: each.target.dir != "/"):
        words += ["--ro-bind" if each.readonly else "--bind", each.source.dir, each.target.dir]
        if each.target.dir == "/":
            words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--setenv", "PATH", "/usr/bin:/bin"]
    for variable in config.os.init_environment:
        words += ["--setenv", variable.name, variable.value or ""]
    return [*words, "--chdir", config.os.init_directory or "/", "--", config.os.init, *config.os.init_arguments]
