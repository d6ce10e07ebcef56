"""Documents of storage pools for Polyvisor: see :mod:`polyvisor_storage.model`."""
