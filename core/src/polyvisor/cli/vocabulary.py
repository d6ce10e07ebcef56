"""Every command by name: the module that has it and what it does in a few words.

One table serves the help page, shell completion and the lazy import of commands. Names are virsh's; those under
"Polyvisor itself" are ours.
"""

from __future__ import annotations

SECTIONS: dict[str, dict[str, dict[str, str]]] = {
    "Domains": {
        "domains": {
            "list": "list domains",
            "dominfo": "show the basic facts of a domain",
            "domstate": "show the state of a domain",
            "domid": "show the id of a domain",
            "domname": "show the name of a domain",
            "domuuid": "show the UUID of a domain",
            "domcontrol": "show whether a domain's control channel is free",
        },
        "lifecycle": {
            "create": "start a transient domain from an XML file",
            "start": "start a defined domain",
            "shutdown": "ask a domain to shut itself down",
            "reboot": "ask a domain to reboot itself",
            "reset": "press a domain's reset button",
            "destroy": "stop a domain at once",
            "suspend": "pause a domain",
            "resume": "let a paused domain go on",
            "dompmsuspend": "ask a domain's operating system to sleep",
            "dompmwakeup": "wake a domain that sleeps",
            "set-lifecycle-action": "change what happens when a domain powers off, reboots or crashes",
        },
        "configuration": {
            "define": "store a domain from an XML file without starting it",
            "undefine": "forget a domain's stored configuration",
            "dumpxml": "show a domain's XML",
            "edit": "change a domain's XML in an editor",
            "domrename": "rename a domain",
            "desc": "show or set a domain's description or title",
            "metadata": "show, set or remove a domain's custom XML metadata",
            "autostart": "start a domain when the host comes up, or no longer",
        },
        "console": {
            "console": "connect the terminal to a domain's console",
        },
        "input": {
            "send-key": "press keys of a domain",
            "inject-nmi": "interrupt a domain in the way it cannot mask",
            "send-process-signal": "send a signal to a process of a domain",
        },
        "saving": {
            "save": "save a domain to a file and stop it",
            "restore": "take a domain up again from a file",
            "save-image-dumpxml": "show the XML in a saved file",
            "save-image-define": "replace the XML in a saved file",
            "save-image-edit": "change the XML in a saved file in an editor",
            "managedsave": "save a domain until its next start and stop it",
            "managedsave-remove": "throw a domain's managed save image away",
            "managedsave-dumpxml": "show the XML in a domain's managed save image",
            "managedsave-define": "replace the XML in a domain's managed save image",
            "managedsave-edit": "change the XML in a domain's managed save image in an editor",
            "dump": "write a domain's memory to a file",
            "screenshot": "take a picture of what a domain shows",
        },
        "jobs": {
            "domjobinfo": "show the job at work on a domain",
            "domjobabort": "end the job at work on a domain",
        },
        "migration": {
            "migrate": "move a domain to another host",
            "migrate-setmaxdowntime": "set how long a domain may stand still when it migrates",
            "migrate-getmaxdowntime": "show how long a domain may stand still when it migrates",
            "migrate-setspeed": "set how fast a domain may migrate",
            "migrate-getspeed": "show how fast a domain may migrate",
            "migrate-compcache": "show or set the cache for compressed migration",
            "migrate-postcopy": "switch a domain's migration to post-copy",
        },
    },
    "Devices and resources": {
        "devices": {
            "attach-device": "add a device from an XML file",
            "attach-disk": "add a disk",
            "attach-interface": "add a network interface",
            "detach-device": "take out a device that an XML file describes",
            "detach-device-alias": "take out a device by its alias",
            "detach-disk": "take out a disk",
            "detach-interface": "take out a network interface",
            "update-memory-device": "change a memory device",
            "update-device": "change a device from an XML file",
            "change-media": "change the medium of a CD or floppy drive",
            "domif-setlink": "plug in or pull out a network interface's cable",
        },
        "memory": {
            "setmem": "change how much memory a domain has",
            "setmaxmem": "change how much memory a domain may have",
            "memtune": "show or set how much memory a domain may take from the host",
            "numatune": "show or set which NUMA cells a domain's memory comes from",
            "domdirtyrate-calc": "measure how fast a domain changes its memory",
            "dommemstat": "show what a domain does with its memory",
        },
        "vcpus": {
            "vcpucount": "show how many vCPUs a domain has",
            "vcpuinfo": "show what a domain's vCPUs are doing",
            "vcpupin": "show or set the host CPUs that vCPUs run on",
            "emulatorpin": "show or set the host CPUs that the emulator runs on",
            "setvcpus": "change how many vCPUs a domain has",
            "setvcpu": "plug in or take out certain vCPUs",
            "guestvcpus": "show or set which CPUs a domain's system uses",
            "iothreadinfo": "list a domain's IOThreads",
            "iothreadadd": "add an IOThread",
            "iothreaddel": "remove an IOThread",
            "iothreadpin": "set the host CPUs that an IOThread runs on",
            "iothreadset": "change how an IOThread polls",
            "schedinfo": "show or set a domain's share of the host's CPUs",
        },
        "tuning": {
            "blkiotune": "show or set a domain's share of the host's disks",
            "blkdeviotune": "show or set the limits of a disk",
            "domiftune": "show or set the limits of a network interface",
            "domblkthreshold": "ask for an event when a disk grows beyond a size",
            "blockresize": "change the size of a disk",
        },
        "blockjobs": {
            "blockpull": "copy what a disk's backing images hold into it",
            "blockcommit": "write what a disk's upper images hold into a lower one",
            "blockcopy": "copy a disk to another image",
            "blockjob": "show, change or end the job at work on a disk",
        },
    },
    "Snapshots, checkpoints and backups": {
        "snapshots": {
            "snapshot-create": "take a snapshot from an XML file",
            "snapshot-create-as": "take a snapshot",
            "snapshot-list": "list a domain's snapshots",
            "snapshot-info": "show the basic facts of a snapshot",
            "snapshot-dumpxml": "show a snapshot's XML",
            "snapshot-current": "show or set the current snapshot",
            "snapshot-parent": "show the parent of a snapshot",
            "snapshot-edit": "change a snapshot's XML in an editor",
            "snapshot-revert": "put a domain back to a snapshot",
            "snapshot-delete": "delete a snapshot",
        },
        "checkpoints": {
            "checkpoint-create": "begin a checkpoint from an XML file",
            "checkpoint-create-as": "begin a checkpoint",
            "checkpoint-list": "list a domain's checkpoints",
            "checkpoint-info": "show the basic facts of a checkpoint",
            "checkpoint-dumpxml": "show a checkpoint's XML",
            "checkpoint-parent": "show the parent of a checkpoint",
            "checkpoint-edit": "change a checkpoint's XML in an editor",
            "checkpoint-delete": "delete a checkpoint",
            "backup-begin": "begin a backup of a running domain's disks",
            "backup-dumpxml": "show the XML of the backup at work",
        },
    },
    "Figures": {
        "statistics": {
            "domstats": "show figures of one, several or all domains",
            "domblkstat": "show what a domain's disk has done",
            "domblkinfo": "show how large a domain's disk is",
            "domblkerror": "show which disks of a domain have failed",
            "domifstat": "show what a domain's network interface has carried",
            "cpu-stats": "show the CPU time that a domain took",
            "perf": "show or set which performance events of a domain are counted",
        },
        "inventory": {
            "domblklist": "list a domain's disks",
            "domiflist": "list a domain's network interfaces",
            "domif-getlink": "show whether a network interface's cable is plugged in",
            "domdisplay": "show the URI of a domain's display",
            "vncdisplay": "show the VNC display of a domain",
            "ttyconsole": "show the pseudo-terminal of a domain's console",
        },
    },
    "Inside the guest": {
        "guest": {
            "domhostname": "show the name a domain has for itself",
            "domifaddr": "show a domain's network addresses",
            "guestinfo": "show what a domain's agent tells of its system",
            "domfsinfo": "list a domain's mounted file systems",
            "domfsfreeze": "freeze a domain's file systems",
            "domfsthaw": "let a domain's frozen file systems go on",
            "domfstrim": "have a domain give unused blocks back",
            "domtime": "show or set a domain's clock",
            "set-user-password": "set a user's password in a domain",
            "get-user-sshkeys": "list the keys with which a user may log in to a domain",
            "set-user-sshkeys": "change the keys with which a user may log in to a domain",
            "guest-agent-timeout": "set how long a domain's agent is waited for",
        },
        "passthrough": {
            "qemu-monitor-command": "send a command to a domain's QEMU monitor",
            "qemu-agent-command": "send a command to a domain's agent",
            "qemu-monitor-event": "wait for events of QEMU monitors and print them",
            "qemu-attach": "take over a QEMU process",
        },
        "security": {
            "domlaunchsecinfo": "show what proves a domain's launch to its owner",
            "domsetlaunchsecstate": "give a secret to a domain with encrypted memory",
        },
    },
    "Events": {
        "events": {
            "event": "wait for events of domains and print them",
        },
    },
    "Host and hypervisor": {
        "host": {
            "capabilities": "show what the host and its hypervisor can do, as XML",
            "domcapabilities": "show what domains may have here, as XML",
            "nodeinfo": "show the host's CPUs and memory",
            "nodecpumap": "show which CPUs of the host are online",
            "nodecpustats": "show what the host's CPUs have spent their time on",
            "nodememstats": "show the host's memory accounts",
            "freecell": "show the host's free memory by NUMA cell",
            "freepages": "show the host's free pages by size and NUMA cell",
            "allocpages": "reserve huge pages of the host",
            "node-memory-tune": "show or set how the host merges equal pages",
            "nodesuspend": "send the host to sleep for a while",
            "nodesevinfo": "show the host's memory encryption for guests",
            "nodedev-detach": "take a device of the host from its driver",
            "nodedev-reattach": "give a device of the host back to its driver",
            "nodedev-reset": "reset a device of the host",
            "hostname": "show the host's name",
            "sysinfo": "show the host's firmware identity, as XML",
            "maxvcpus": "show how many vCPUs a domain may have",
            "cpu-models": "list the CPU models of an architecture",
            "uri": "show the URI of the connection",
            "version": "show the versions of Polyvisor, its hooks, the driver and the hypervisor",
        },
        "cpu": {
            "cpu-compare": "compare the host's CPU with one in an XML file",
            "cpu-baseline": "show the CPU that several hosts can provide",
            "hypervisor-cpu-compare": "compare the CPU that the hypervisor provides with one in an XML file",
            "hypervisor-cpu-baseline": "show the CPU that the hypervisor can provide on several hosts",
        },
        "native": {
            "domxml-to-native": "convert a domain's XML to the hypervisor's own format",
            "domxml-from-native": "convert a configuration in the hypervisor's own format to XML",
        },
    },
    "Polyvisor itself": {
        "documents": {
            "validate": "check XML documents against their schemas",
            "schema": "show a document's schema or where it is installed",
        },
        "notations": {
            "convert": "convert a document between XML, JSON and YAML",
        },
        "boot": {
            "guests-start": "start the domains that are marked to start with the host",
            "guests-stop": "shut all running domains down, as before the host goes down",
        },
        "plugins": {
            "drivers": "list the installed drivers and what they support",
        },
        "driver": {
            "driver": "begin a package for a driver of your own",
        },
        "tools": {
            "completion": "print the script that completes commands in a shell",
            "help": "explain a command",
            "demo": "take a tiny real guest through its life under QEMU",
        },
    },
}
"""Section, module of ``polyvisor.cli``, command: summary."""

MODULES: dict[str, str] = {
    name: module for modules in SECTIONS.values() for module, names in modules.items() for name in names
}
"""The module of each command."""

SUMMARIES: dict[str, str] = {
    name: summary for modules in SECTIONS.values() for names in modules.values() for name, summary in names.items()
}
"""The summary of each command."""
