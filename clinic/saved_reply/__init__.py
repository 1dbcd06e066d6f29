"""Saved replies: texts that somebody of the staff keeps to send again, each their own."""
