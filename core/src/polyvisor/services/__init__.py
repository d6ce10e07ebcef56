"""What every operation passes through, whatever the driver: access control, documents, audit, metrics, events, jobs.

All of it is keyed by the operation's declaration, so a driver cannot forget any of it.
"""
