"""Documents about the simulated host."""
