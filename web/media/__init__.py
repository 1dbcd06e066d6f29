"""What looks into people's files, in processes of its own that have no network, no files and no secrets.

`inspecting.py` is the door, `sandbox.py` starts the processes and gives them bytes. Everything else runs inside of them: `child.py` is where they
begin, `confine.py` takes from them what they do not need, `looking.py` says what a file is and who reads it: `pictures.py`, `documents.py`,
`sound.py`, each the sole importer of its library. A recording whose header leaves out its length (`lengths.py`) is made anew in `sound.py`, and comes
back as pictures do. A leaf: only `inspecting.py` imports `clinic`, so that the processes stay small.
"""
