"""What drivers are built from whose guests are processes of this host, managed from files and without a daemon.

Drivers use what they need of it; nothing here knows any hypervisor. :class:`~polyvisor.local.session.LocalSession` is
where a driver says what is particular to its own, :class:`~polyvisor.local.driver.LocalDriver` has the operations that
follow from that.
"""
