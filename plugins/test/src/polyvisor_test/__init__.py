"""The in-memory driver: guests that are only records, hosts that are only descriptions.

It is what programs and the conformance suite stand on when no hypervisor is at hand, and the code to read
first when writing a driver. Read it in this order:

``driver``       the class the entry point names: one mixin for each subject of ``polyvisor.operations``
``session``      what ``connect`` returns, and how every method finds its guest under the lock
``node``         the simulated host and its table of guests
``machine``      one guest: its two configurations, its state, its possessions
``transitions``  every change of state, with the events it announces
``lifecycle``, ``configuration``, ...   the operations, a module for each subject, named as in the core
"""
