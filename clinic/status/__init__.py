"""Statuses of threads: the clinic's own list, and where each thread stands. Staff only (rule 13)."""
