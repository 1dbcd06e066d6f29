"""Ways out of the clinic, one file a provider: each is the sole importer of its library and translates to and from the domain's words.

May import `clinic`. What is here leaves the machine (all but receipts.py, and files that are kept on its disk) or takes long: it is never called inside a
transaction.
"""
