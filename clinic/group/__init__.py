"""Groups: threads that a practitioner creates and administers, with several practitioners or patients."""
