"""libvirt's names for what a driver can do, and ours.

libvirt's driver table has a slot for each variant of each call; folded, they make 157 capabilities for guests and
hosts. This says which of our capabilities do the work of each, so that one support matrix can be laid on the other.
A capability that both reads and changes is one there and two here (``numa.params``, ``numa.params.set``); the
generations of the migration protocol are one set of steps here, and old calls that newer ones contain are not
operations of their own.
"""

from __future__ import annotations

LIBVIRT_CAPABILITIES: dict[str, tuple[str, ...]] = {
    # Connection
    "connect.open": ("connect.open", "connect.uri-probe"),
    "connect.identity": ("connect.identity",),
    "connect.features": ("connect.features",),
    "connect.type": ("connect.type",),
    "connect.version": ("connect.version",),
    "connect.secure": ("connect.secure",),
    "connect.alive": ("connect.alive",),
    "connect.close-event": ("connect.close-event",),
    # Host information
    "host.hostname": ("host.hostname",),
    "host.sysinfo": ("host.sysinfo",),
    "host.info": ("host.info",),
    "host.max-vcpus": ("host.max-vcpus",),
    "host.cpu-stats": ("host.cpu-stats",),
    "host.cpu-map": ("host.cpu-map",),
    "host.mem-stats": ("host.mem-stats",),
    "host.free-mem": ("host.free-mem",),
    "host.huge-pages": ("host.huge-pages", "host.huge-pages.set"),
    "host.ksm-params": ("host.ksm-params", "host.ksm-params.set"),
    "host.suspend": ("host.suspend",),
    "host.security-model": ("host.security-model",),
    "host.sev-info": ("host.sev-info",),
    "host.device-assign": ("host.device-assign",),
    # Capabilities and CPU models
    "caps.host": ("caps.host",),
    "caps.domain": ("caps.domain",),
    "cpu.compare": ("cpu.compare",),
    "cpu.baseline": ("cpu.baseline",),
    "cpu.model-names": ("cpu.model-names",),
    "native.import": ("native.import",),
    "native.export": ("native.export",),
    # Domain listing and lookup
    "domain.list": ("domain.list",),
    "domain.lookup": ("domain.lookup",),
    "domain.state": ("domain.state", "domain.info"),
    "domain.control-info": ("domain.control-info",),
    "domain.os-type": ("domain.os-type",),
    "domain.messages": ("domain.messages",),
    # Lifecycle
    "domain.create-transient": ("domain.create-transient",),
    "domain.create-with-fds": ("domain.create-with-fds", "domain.create-transient", "domain.start"),
    "domain.start": ("domain.start",),
    "domain.shutdown": ("domain.shutdown",),
    "domain.reboot": ("domain.reboot",),
    "domain.reset": ("domain.reset",),
    "domain.destroy": ("domain.destroy",),
    "domain.suspend": ("domain.suspend",),
    "domain.resume": ("domain.resume",),
    "domain.pm-suspend": ("domain.pm-suspend", "domain.pm-wakeup"),
    "domain.lifecycle-action": ("domain.lifecycle-action",),
    "domain.qemu-attach": ("domain.qemu-attach",),
    # Persistent configuration
    "domain.define": ("domain.define",),
    "domain.undefine": ("domain.undefine",),
    "domain.xml": ("domain.xml",),
    "domain.rename": ("domain.rename",),
    "domain.metadata": ("domain.metadata", "domain.metadata.set"),
    "domain.autostart": ("domain.autostart", "domain.autostart.set"),
    "domain.autostart-once": ("domain.autostart-once", "domain.autostart-once.set"),
    # Device hotplug
    "device.attach": ("device.attach",),
    "device.detach": ("device.detach",),
    "device.detach-alias": ("device.detach-alias",),
    "device.update": ("device.update",),
    "device.graphics-reload": ("device.graphics-reload",),
    # Memory tuning
    "mem.max": ("mem.max", "mem.max.set"),
    "mem.balloon": ("mem.balloon",),
    "mem.stats-period": ("mem.stats-period",),
    "mem.limits": ("mem.limits", "mem.limits.set"),
    "mem.peek": ("mem.peek",),
    "mem.dirty-rate": ("mem.dirty-rate",),
    # NUMA tuning
    "numa.params": ("numa.params", "numa.params.set"),
    # vCPU, pinning, IOThreads
    "vcpu.count": ("vcpu.count", "vcpu.count.set"),
    "vcpu.individual": ("vcpu.individual",),
    "vcpu.info": ("vcpu.info",),
    "vcpu.pin": ("vcpu.pin", "vcpu.pin.set"),
    "emulator.pin": ("emulator.pin", "emulator.pin.set"),
    "iothread.info-pin": ("iothread.info-pin", "iothread.info-pin.set"),
    "iothread.hotplug": ("iothread.hotplug", "iothread.hotplug.remove"),
    "iothread.params": ("iothread.params",),
    "vcpu.scheduler": ("vcpu.scheduler", "vcpu.scheduler.set"),
    # Block and network tuning
    "blkio.params": ("blkio.params", "blkio.params.set"),
    "blkio.tune": ("blkio.tune", "blkio.tune.set"),
    "blkio.throttle-group": ("blkio.throttle-group", "blkio.throttle-group.remove"),
    "blk.threshold": ("blk.threshold",),
    "blk.resize": ("blk.resize",),
    "net.bandwidth": ("net.bandwidth", "net.bandwidth.set"),
    # Statistics
    "stats.block": ("stats.block",),
    "stats.block-info": ("stats.block-info",),
    "stats.disk-errors": ("stats.disk-errors",),
    "stats.net": ("stats.net",),
    "stats.mem": ("stats.mem",),
    "stats.cpu": ("stats.cpu",),
    "stats.bulk": ("stats.bulk",),
    "stats.perf": ("stats.perf", "stats.perf.set"),
    "blk.peek": ("blk.peek",),
    # Block jobs
    "blockjob.control": ("blockjob.control", "blockjob.control.abort", "blockjob.control.set-speed"),
    "blockjob.pull": ("blockjob.pull",),
    "blockjob.rebase": ("blockjob.pull", "blockjob.copy"),
    "blockjob.copy": ("blockjob.copy",),
    "blockjob.commit": ("blockjob.commit",),
    # Snapshots
    "snapshot.create": ("snapshot.create",),
    "snapshot.xml": ("snapshot.xml",),
    "snapshot.list": ("snapshot.list",),
    "snapshot.tree": ("snapshot.tree", "snapshot.tree.parent"),
    "snapshot.lookup": ("snapshot.lookup",),
    "snapshot.current": ("snapshot.current",),
    "snapshot.metadata": ("snapshot.metadata",),
    "snapshot.revert": ("snapshot.revert",),
    "snapshot.delete": ("snapshot.delete",),
    # Checkpoints and backup
    "checkpoint.create": ("checkpoint.create",),
    "checkpoint.xml": ("checkpoint.xml",),
    "checkpoint.list": ("checkpoint.list", "checkpoint.list.lookup"),
    "checkpoint.tree": ("checkpoint.tree", "checkpoint.tree.parent"),
    "checkpoint.delete": ("checkpoint.delete",),
    "backup.begin": ("backup.begin",),
    "backup.xml": ("backup.xml",),
    # Save, restore, dump, screenshot
    "save.to-file": ("save.to-file",),
    "save.restore": ("save.restore",),
    "save.image-edit": ("save.image-edit", "save.image-edit.set"),
    "save.core-dump": ("save.core-dump",),
    "save.screenshot": ("save.screenshot",),
    # Managed save
    "managedsave.save": ("managedsave.save",),
    "managedsave.has": ("managedsave.has",),
    "managedsave.remove": ("managedsave.remove",),
    "managedsave.edit": ("managedsave.edit", "managedsave.edit.set"),
    # Migration
    "migrate.v1": ("migrate.prepare", "migrate.perform", "migrate.finish"),
    "migrate.v2": ("migrate.prepare", "migrate.tunnelled", "migrate.perform", "migrate.finish"),
    "migrate.v3": (
        "migrate.begin",
        "migrate.prepare",
        "migrate.tunnelled",
        "migrate.perform",
        "migrate.finish",
        "migrate.confirm",
        "migrate.whole",
    ),
    "migrate.v3-params": (
        "migrate.begin",
        "migrate.prepare",
        "migrate.perform",
        "migrate.finish",
        "migrate.confirm",
        "migrate.whole",
    ),
    "migrate.tunnelled": ("migrate.tunnelled",),
    "migrate.downtime": ("migrate.downtime", "migrate.downtime.set"),
    "migrate.compression": ("migrate.compression", "migrate.compression.set"),
    "migrate.speed": ("migrate.speed", "migrate.speed.set"),
    "migrate.post-copy": ("migrate.post-copy",),
    # Job control
    "job.info": ("job.info",),
    "job.abort": ("job.abort",),
    # Guest agent and guest info
    "guest.hostname": ("guest.hostname",),
    "guest.addresses": ("guest.addresses",),
    "guest.info": ("guest.info",),
    "guest.fsinfo": ("guest.fsinfo",),
    "guest.fsfreeze": ("guest.fsfreeze", "guest.fsfreeze.thaw"),
    "guest.fstrim": ("guest.fstrim",),
    "guest.time": ("guest.time", "guest.time.set"),
    "guest.password": ("guest.password",),
    "guest.ssh-keys": ("guest.ssh-keys", "guest.ssh-keys.set"),
    "guest.vcpus": ("guest.vcpus", "guest.vcpus.set"),
    "guest.agent-timeout": ("guest.agent-timeout",),
    # Guest input
    "input.send-key": ("input.send-key",),
    "input.nmi": ("input.nmi",),
    "input.signal": ("input.signal",),
    # Consoles, channels, graphics, streams
    "console.open": ("console.open",),
    "channel.open": ("channel.open",),
    "graphics.open": ("graphics.open",),
    # Security labels
    "security.label": ("security.label",),
    # Launch security (SEV, TDX, ...)
    "launchsec.info": ("launchsec.info",),
    "launchsec.state": ("launchsec.state",),
    # Events
    "event.lifecycle-legacy": ("event.any",),
    "event.any": ("event.any",),
    # Driver-private pass-through
    "qemu.monitor": ("qemu.monitor",),
    "qemu.agent": ("qemu.agent",),
    "qemu.monitor-event": ("qemu.monitor-event",),
    "lxc.namespace": ("lxc.namespace",),
}
"""Our capabilities by libvirt's, in the order of its driver table."""
