"""What the clinic says in a thread about who is in it, what it is called, and groups. Imports clinic.kinds and the notice."""

from __future__ import annotations

from clinic.kinds import Ask
from clinic.thread.kinds import listed, notices

notices(
    {
        "group-created": lambda n, r: f"{n[0]} created this group with {listed(n[1:])}.",
        "group-created-unlinked": lambda n, r: f"{n[0]} created this group with {listed(n[1:])}. Reason given, as not all are linked: {r}",
        "renamed": lambda n, r: f"{n[0]} named this thread “{r}”.",
        "unnamed": lambda n, r: f"{n[0]} took this thread's own name away.",
        "staff-invited": lambda n, r: f"{n[0]} invited {listed(n[1:])}, who can now read everything in this thread and write here.",
        "patients-invited": lambda n, r: f"{n[0]} invited {listed(n[1:])}, who can read and write here from now on.",
        "patients-invited-unlinked": lambda n, r: (
            f"{n[0]}, to whom not all are linked, invited {listed(n[1:])}, who can read and write here from now on. Reason given: {r}"
        ),
        "staff-admitted": lambda n, r: f"{n[0]} let {listed(n[1:])} in, who can now read everything in this thread and write here.",
        "patients-admitted": lambda n, r: f"{n[0]} let {listed(n[1:])} in, who can read and write here from now on.",
        "uninvited": lambda n, r: f"{n[0]} took back the invitation of {n[1]}, who had not opened this thread.",
        "asks-in": lambda n, r: f"{n[0]} ({r}) has opened the share link and asks to be let in. The group admin decides.",
        "left": lambda n, r: f"{n[0]} has left this thread.",
        "removed": lambda n, r: f"{n[0]} removed {n[1]} from this thread.",
        "handed-over": lambda n, r: f"{n[0]} handed this group over: {n[1]} is its group admin now.",
        "took-over": lambda n, r: f"The account of {n[0]} is deactivated. {n[1]} is the group admin now.",
        "nobody-manages": lambda n, r: (
            f"The account of {n[0]}, who manages this group, is deactivated, and no other practitioner is here. A practitioner whom the "
            "coordinators invite will manage it; until then, ask the clinic."
        ),
        "group-closed": lambda n, r: f"{n[0]} closed this group for everyone.",
    },
    {"asks-in": (Ask("The group admin lets them in here:", "group.admit"),)},
)
