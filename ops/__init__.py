"""The `bedside` command: setting up, starting, watching and checking a clinic.

Owns processes, ports, secrets, certificates and generated configurations below the data folder. May import `clinic`,
`web.passwords`, `migrations`, click and cryptography; nothing imports `ops`.
"""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
