"""Whose Images & Documents a file belongs to, as staff say it: whom they may choose, and what is kept of it. Plain helpers; imports clinic only."""

from __future__ import annotations

from collections.abc import Sequence

from clinic.errors import Invalid
from clinic.fields import Option
from clinic.loading import LoadedMember, LoadedThread
from clinic.thread.shown import patient_options
from clinic.work import Work

NOBODY = "nobody"
"""What stands for no patient's folder where it is asked whose."""


def folders_named(work: Work, thread: LoadedThread | None) -> Sequence[Option]:
    """Return whose folders there are to choose from in a thread, for staff: none but where there are several patients."""
    if thread is None or len(thread.patients) < 2 or not work.member(thread).role.is_staff:
        return []
    return folders_of(thread)


def folders_of(thread: LoadedThread | None) -> list[Option]:
    """Return the patients of a thread, and nobody, as options of whose folder a file belongs to."""
    return [*patient_options(thread), Option(NOBODY, "Nobody's")]


def folder_chosen(thread: LoadedThread, given: str | None) -> int | None:
    """Return the account id of the patient whose folder staff have named, or None for nobody's. Raises: Invalid for who is not in the thread."""
    if given is None or given == NOBODY:
        return None
    found = next((one for one in thread.patients if one.uid == given), None)
    if found is None:
        raise Invalid("This is no patient of this thread. Choose whose folder the file belongs to.", field="folder")
    return found.account_id


def folder_said(thread: LoadedThread, me: LoadedMember, given: str | None) -> int | None:
    """Return what is kept of whose folder staff say that a file belongs to, as it is when they say it: whoever comes or leaves until it is sent.

    given: as of file.begin. Returns: the account id of the patient, who is the only one where none is named; the sender's own for nobody's;
    None where nobody is there yet to whom it could belong. Raises: Invalid.
    """
    if given == NOBODY:
        return me.account_id
    if given is None and len(thread.patients) > 1:
        raise Invalid("Several patients are in this thread. Choose whose Images & Documents it belongs to, or nobody's.", field="folder")
    if given is None:
        return next((one.account_id for one in thread.patients), None)
    return folder_chosen(thread, given)
