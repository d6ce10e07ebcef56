"""Documents of networks for Polyvisor: see :mod:`polyvisor_network.model`."""
