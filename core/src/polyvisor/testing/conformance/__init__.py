"""The tests of the conformance suite, a module for each subject; :mod:`polyvisor.testing` tells how they are run."""
