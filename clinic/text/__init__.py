"""Texts: the kind of message that people type."""
