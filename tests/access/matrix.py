"""README.md's table of permissions, made from the one table that decides. Renewed by `python -m tests.access.matrix`."""

from __future__ import annotations

from pathlib import Path

from clinic.permissions import GROUP_ADMIN, SWITCHES, TABLE, Grant, Permission, Role

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- permissions: made by `python -m tests.access.matrix` -->", "<!-- end of permissions -->"
COLUMNS = (Role.PATIENT, Role.PRACTITIONER, Role.COORDINATOR, GROUP_ADMIN, Role.ADMIN)
LETTERS = {Grant.NEVER: "N", Grant.OWN: "o", Grant.SETTING: "setting", Grant.ALWAYS: "Y"}

# What a row is called by people who use the clinic, in the order in which they would look for it.
WORDS: dict[Permission, str] = {
    Permission.THREAD_START: "start a 1:1 thread (patient: with a linked practitioner; staff: else with a reason; coordinator: for own practitioner)",
    Permission.GROUP_CREATE: "create a group",
    Permission.THREAD_READ: "read a thread, live and in the archive",
    Permission.TEXT_POST: "post a text",
    Permission.TEXT_CORRECT: "correct an own text",
    Permission.TEXT_RETRACT: "retract an own text",
    Permission.TEXT_MODERATE: "retract another's message (moderate)",
    Permission.TEXT_ORIGINAL: "see what a corrected or retracted text said",
    Permission.TEXT_REACT: "react",
    Permission.TEXT_FORWARD: "forward a text to another thread",
    Permission.TEXT_SCHEDULE: "send at a set time",
    Permission.SEARCH: "search own threads",
    Permission.THREAD_MARK: "mark as read",
    Permission.THREAD_MUTE: "mute",
    Permission.THREAD_LEAVE: "leave and delete the own view",
    Permission.THREAD_RENAME: "rename",
    Permission.THREAD_INVITE: "invite",
    Permission.THREAD_CLAIM: "claim a thread",
    Permission.GROUP_MANAGE: "share link, approve, remove a participant, close a group, hand over",
    Permission.STATUS_SEE: "see the status and its history",
    Permission.STATUS_CHANGE: "change the status",
    Permission.STATUS_MANAGE: "keep the list of statuses",
    Permission.NOTE: "internal note: write, read",
    Permission.PROFILE_OPEN: "open a patient's profile (staff: of who shares a thread with them)",
    Permission.PROFILE_DEMOGRAPHICS: "edit demographics",
    Permission.PROFILE_HEALTH: "edit health data (each their own side)",
    Permission.PROFILE_NOTE: "profile notes: write, read",
    Permission.PROFILE_EXPORT: "print or keep a profile",
    Permission.PROFILE_REGISTER: "a patient's demographics, and nothing else of the profile",
    Permission.PRACTITIONER_OPEN: "open a practitioner's profile (linked, or sharing a thread)",
    Permission.PRACTITIONER_OWN: "edit the own practitioner's profile",
    Permission.SAVED_REPLY_OWN: "saved replies",
    Permission.URGENT_CALL: "“urgent: I need help”",
    Permission.URGENT_ANSWER: "acknowledge and resolve “urgent”",
    Permission.ABSENCE_OWN: "away reply and covering colleague",
    Permission.PAYMENT_REQUEST: "request a payment",
    Permission.PAYMENT_DECIDE: "answer a request for payment, and pay",
    Permission.PAYMENT_WITHDRAW: "withdraw a request for payment",
    Permission.PAYMENT_SETTLE: "mark a payment as paid by hand",
    Permission.PAYMENT_REFUND: "refund a payment",
    Permission.PAYMENT_OWN: "own payments",
    Permission.PAYMENT_LIST: "list of all payments",
    Permission.SERVICE_MANAGE: "keep the list of services",
    Permission.FILE_UPLOAD: "upload a file",
    Permission.FILE_READ: "read a file",
    Permission.FILE_HANDOUTS: "own folder of handouts",
    Permission.FILE_SETTLE: "choose which kinds of files are taken, and whether links to them ask for a log-in",
    Permission.FILE_FOLDER: "open Images & Documents (own; staff: of who shares a thread with them, each view audited)",
    Permission.FILE_FORWARD: "forward from Images & Documents (of a patient in this thread, or one's own handouts)",
    Permission.FILE_RENAME: "rename a document, put it away and bring it back",
    Permission.FILE_PUT_UNDER: "say whose Images & Documents a file of the thread belongs to",
    Permission.VOICE_SEND: "voice message",
    Permission.VIDEO_REQUEST: "request a short video",
    Permission.VIDEO_SEND: "send a requested video, and show it to a group",
    Permission.VIDEO_WITHDRAW: "withdraw a request for a short video",
    Permission.DEVICE_OWN: "mint and revoke own devices (messaging for care roles only)",
    Permission.ACCOUNT_OWN: "own account: password, role",
    Permission.ACCOUNT_MANAGE: "accounts: create, correct, deactivate, invite",
    Permission.LINK_MANAGE: "link coordinators and patients with practitioners",
    Permission.CLINIC_DESCRIBE: "what the clinic says of itself, and its settings",
}
NO_PERSONS = frozenset({Permission.SIGN_IN, Permission.SYSTEM})


def unnamed() -> set[Permission]:
    """Return the permissions that the table in the README has no words for."""
    return set(Permission) - set(WORDS) - NO_PERSONS


def table() -> str:
    """Return the section as the README has it."""
    rows = [f"| {words} | {' | '.join(LETTERS[TABLE[permission][column]] for column in COLUMNS)} |" for permission, words in WORDS.items()]
    switched = ", ".join(f"“{WORDS[permission]}”" for permission in SWITCHES)
    head = f"| | {' | '.join(str(column) for column in COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}"
    said = f"Y yes · N no · o only one's own, or in threads one is in · setting: where the clinic has switched it on ({switched})."
    return "\n".join([BEGIN, said, "What one may not see answers like what there is not.", "", head, *rows, END])


def in_readme() -> str:
    """Return the section as the README has it now, or nothing."""
    text = README.read_text()
    start, end = text.find(BEGIN), text.find(END)
    return text[start : end + len(END)] if 0 <= start < end else ""


if __name__ == "__main__":
    README.write_text(README.read_text().replace(in_readme(), table()))
