"""The audit log: what was done by whom, sealed by a chain of MACs."""
