"""Threads as XEP-0045 rooms: joining, presence, messages, archive. May import clinic and the package above."""
