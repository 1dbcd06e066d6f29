"""A patient's "Urgent: I need help", and what staff make of it."""
