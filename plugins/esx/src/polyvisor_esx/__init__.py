"""Documents of VMware guests for Polyvisor: see :mod:`polyvisor_esx.model`."""
