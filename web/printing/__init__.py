"""Pages on paper: HTML in, PDF out, in a process that has neither network nor secrets. See child.py."""
