"""Ways out of the clinic, one file a provider: each is the sole importer of its library and translates to and from the domain's words.

May import `clinic`. What is here leaves the machine (all but receipts.py), so it is called by the worker or a command, never inside a transaction.
"""
