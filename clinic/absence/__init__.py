"""Absences: when somebody of the staff is away, who covers for them, and what patients are told meanwhile."""
