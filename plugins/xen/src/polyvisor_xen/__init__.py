"""Documents of Xen guests for Polyvisor: see :mod:`polyvisor_xen.model`."""
