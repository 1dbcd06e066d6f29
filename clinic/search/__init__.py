"""Search: finding what was written in one's own threads, by an index that the worker keeps up behind the log."""
