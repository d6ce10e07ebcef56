"""Sandboxes of bubblewrap(1) as domains: an example of a driver for Polyvisor, for a small real backend."""
