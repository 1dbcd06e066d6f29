"""Internal notes: what staff write in a thread for staff only."""
