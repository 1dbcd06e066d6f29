"""XMPP: the threads component, which translates stanzas to actions of the clinic and entries of the log to stanzas.

It decides nothing: every rule is in ``clinic``. May import ``clinic``, slixmpp and the standard library.
"""
