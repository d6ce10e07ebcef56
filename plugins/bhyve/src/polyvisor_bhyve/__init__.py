"""Documents of bhyve guests for Polyvisor: see :mod:`polyvisor_bhyve.model`."""
