"""What the clinic says in a thread while those whom a patient writes to are away. Imports the notice only."""

from __future__ import annotations

from clinic.thread.kinds import notices

notices({"away": lambda n, r: f"{r or n[0]}"})
