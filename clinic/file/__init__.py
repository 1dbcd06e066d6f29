"""Files: what people upload, where it may be seen, and how it comes out again."""
