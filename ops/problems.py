"""What can go wrong at a start, in words that say what to do. Standard library only."""


class Problem(Exception):
    """Something that the person at the console must put right; its text says how."""
