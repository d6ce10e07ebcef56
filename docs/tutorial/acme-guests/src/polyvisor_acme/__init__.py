"""A driver for the ACME hypervisor, which runs guests from documents and forgets them when the connection closes."""
