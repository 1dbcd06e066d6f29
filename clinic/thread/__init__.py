"""Threads: memberships, notices, marks, and who is live in them."""
