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
            "hostname": "show the host's name",
            "sysinfo": "show the host's firmware identity, as XML",
            "maxvcpus": "show how many vCPUs a domain may have",
            "cpu-models": "list the CPU models of an architecture",
            "uri": "show the URI of the connection",
            "version": "show the versions of Polyvisor, its hooks, the driver and the hypervisor",
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
        "plugins": {
            "drivers": "list the installed drivers and what they support",
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
