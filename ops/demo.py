"""`--demo`: fills a clinic with made-up people and threads, through the domain's actions only. Imports `clinic` and `web.passwords`.

Safe to repeat, also after a crash in the middle: what exists stays. A clinic that did not begin as a demonstration is refused.
Passwords are random for each clinic and kept in DIR/secrets/demo.json.
"""

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clinic import Actor, Database, Role
from clinic.account.views import is_empty, login_record
from clinic.errors import Conflict
from clinic.payment.ledger import Sought, ledger
from clinic.payment.views import service_list
from clinic.permissions import STAFF
from clinic.thread.listing import thread_list
from ops import keys
from ops.demo_history import BILLS, CLINIC, COORDINATOR_LINKS, GROUPS, PATIENT_LINKS, PEOPLE, RECEIPT_HEADER, SERVICES, THREADS, Bill, Person
from ops.demo_profiles import BASICS, DEMOGRAPHICS, ITEMS, NOTES, PRACTITIONERS
from ops.deployment import opened
from ops.layout import Layout
from ops.problems import Problem
from web.passwords import hash_password

CONSOLE = Actor.system()
REAL = "This folder holds a real clinic; start it without --demo (make run DEMO=). Nothing was changed."
DAMAGED = (
    "{path}, which keeps the passwords of the made-up people, is damaged. Restore it from a backup, "
    "or give --data an empty folder for a new demonstration; without --demo this clinic starts as it is."
)
CARE_ROLES = ("patient", "practitioner", "coordinator")


def read_state(path: Path) -> dict[str, dict[str, Any]]:
    """Returns what an earlier start made. Raises Problem if the file is damaged."""
    try:
        state = json.loads(path.read_text())
        if all({"role", "email", "password"} <= account.keys() for account in state["accounts"].values()) and isinstance(state["threads"], dict):
            return state
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    raise Problem(DAMAGED.format(path=path))


class Demo:
    """The demonstration in one clinic. `state` is what ready.json shows: accounts and threads by name."""

    def __init__(self, layout: Layout, database: Database) -> None:
        self.layout = layout
        self.database = database
        self.path = layout.data / "secrets" / "demo.json"
        self.state: dict[str, dict[str, Any]] = {"accounts": {}, "threads": {}}
        self.uids: dict[str, str] = {}

    def load(self) -> None:
        """Reads what earlier starts made; people that this database does not know are made anew. Raises Problem in a real clinic."""
        if self.path.exists():
            self.state = read_state(self.path)
        for person in PEOPLE:
            with self.database.read(CONSOLE) as work:
                record = login_record(work, person.email)
            if record:
                self.uids[person.key] = record.account_uid
            else:
                self.state["accounts"].pop(person.key, None)
                self.state["threads"] = {}
        with self.database.read(CONSOLE) as work:
            strangers = not is_empty(work)
        if strangers and not (self.path.exists() and self.uids):
            raise Problem(REAL)

    def save(self) -> None:
        """Keeps the state, 0600."""
        keys.write_private(self.path, json.dumps(self.state, indent=1) + "\n")

    def actor(self, key: str) -> Actor:
        """Returns a made-up person as if signed in to the page."""
        role = next(person.role for person in PEOPLE if person.key == key)
        return Actor.page(self.uids[key], Role(role), "")

    def add(self, person: Person) -> None:
        """Makes one account with a password and, in care roles, a device."""
        if person.key in self.uids:
            invited = self.database.perform(CONSOLE, "account.invite", self.uids[person.key]).value
        else:
            fields: dict[str, object] = {"name": person.name, "email": person.email, "roles": [person.role]}
            if person.birth_date:
                fields["birth_date"] = person.birth_date.isoformat()
            invited = self.database.perform(CONSOLE, "account.create", **fields).value
        self.uids[person.key] = invited.account_uid
        password = secrets.token_urlsafe(15)
        self.database.perform(Actor.anonymous(), "account.accept_invitation", token=invited.token, password_hash=hash_password(password))
        account = {"role": person.role, "email": person.email, "password": password, "totp": None, "jid": None, "device_password": None}
        if person.role in CARE_ROLES:
            device = self.database.perform(self.actor(person.key), "device.mint", name="Demonstration").value
            account |= {"jid": f"{device.handle}@{self.layout.domain}", "device_password": device.password}
        self.state["accounts"][person.key] = account
        self.save()

    def link(self, action: str, **pair: str) -> None:
        """Links two accounts, unless they are."""
        try:
            self.database.perform(CONSOLE, action, **{role: self.uids[key] for role, key in pair.items()})
        except Conflict:
            # Linked by an earlier start that was cut off.
            return

    def talk(self, name: str) -> None:
        """Starts one thread and posts its history."""
        one, other = name.split("-")
        thread = self.database.perform(self.actor(other), "thread.start", person=self.uids[one], reason="Demonstration").value
        if name in BILLS:  # first: while it waits for an answer, its patient cannot write
            self.bill(name, thread, BILLS[name])
        self.say(name, thread, THREADS[name])

    def offer(self) -> None:
        """Adds the services that are not offered yet, and what heads receipts."""
        dina = self.actor("dina")
        for values in SERVICES:
            try:
                self.database.perform(dina, "service.create", **values)
            except Conflict:
                # Added by an earlier start that was cut off.
                continue
        self.database.perform(dina, "payment.head_receipts", receipt_header=RECEIPT_HEADER)

    def bill(self, name: str, thread: str, bill: Bill) -> None:
        """Asks for a payment and sees it through; each step that an earlier start has done changes nothing."""
        with self.database.read(self.actor("dina")) as work:
            service = next(row.uid for row in service_list(work) if row.name == bill.service)
        self.database.perform(self.actor(bill.by), "payment.request", thread, service=service, client_id=f"demo-{name}-bill")
        with self.database.read(self.actor("dina")) as work:
            request = ledger(work, Sought(service=service))[0].request
        self.database.perform(self.actor(bill.patient), "payment.decide", thread, decision="accept", request=request)
        try:
            self.database.perform(self.actor(bill.by), "payment.mark_paid", thread, request=request, note=bill.note)
        except Conflict:
            # Paid already.
            return

    def gather(self, name: str) -> None:
        """Makes one group, unless an earlier start that was cut off has made it, and posts its history."""
        group = GROUPS[name]
        admin = self.actor(group.admin)
        with self.database.read(admin) as work:
            thread = next((row.uid for row in thread_list(work) if row.title == group.title), None)
        if thread is None:
            people = [self.uids[key] for key in group.people]
            thread = self.database.perform(admin, "group.create", title=group.title, people=people, reason="Demonstration").value
        self.say(name, thread, group.talk)

    def describe(self) -> None:
        """Fills in profiles, once the threads are there that open them; what an earlier start has filled in stays."""
        for key, about in PRACTITIONERS.items():
            self.fill_in(key, "practitioner.describe", None, version="0", **about)
        for key, facts in DEMOGRAPHICS.items():
            self.fill_in(key, "profile.describe", key, version="0", **facts)
        for by, of, facts in BASICS:
            self.fill_in(by, "profile.measure", of, version="0", **facts)
        for by, of, facts in ITEMS:
            self.fill_in(by, "profile.add" if "name" in facts else "profile.none_known", of, **facts)
        for by, of, body in NOTES:
            opened = self.database.perform(self.actor(by), "profile.open", self.uids[of]).value
            if not opened.notes:
                self.fill_in(by, "profile.note", of, body=body)

    def fill_in(self, by: str, action: str, of: str | None, **values: str) -> None:
        """Does one thing to a profile, unless it was done, or something else since."""
        try:
            self.database.perform(self.actor(by), action, self.uids[of] if of else None, **values)
        except Conflict:
            # Filled in by an earlier start that was cut off.
            return

    def say(self, name: str, thread: str, talk: Sequence[tuple[str, str]]) -> None:
        """Posts what people have said in a thread; stable client ids keep a repetition from doubling it."""
        for number, (author, body) in enumerate(talk, 1):
            self.database.perform(self.actor(author), "text.post", thread, body=body, client_id=f"demo-{name}-{number}")
        self.state["threads"][name] = {"uid": thread, "room": f"{thread}@{self.layout.threads_domain}", "url": f"/threads/{thread}"}
        self.save()

    def fill(self) -> None:
        """Makes what is missing."""
        self.load()
        # Before the first account: a start that is cut off must know at the next one that this clinic is made up.
        self.save()
        for person in PEOPLE:
            if person.key not in self.state["accounts"]:
                self.add(person)
        if set(self.state["threads"]) == {*THREADS, *GROUPS}:
            return
        self.database.perform(CONSOLE, "clinic.describe", **CLINIC)
        self.database.perform(self.actor("dina"), "status.add_examples")
        for patient, practitioner in PATIENT_LINKS:
            self.link("link.patient_add", patient=patient, practitioner=practitioner)
        for coordinator, practitioner in COORDINATOR_LINKS:
            self.link("link.coordinator_add", coordinator=coordinator, practitioner=practitioner)
        for person in PEOPLE:
            if person.role in STAFF:
                self.database.perform(self.actor(person.key), "saved_reply.add_examples")
        self.offer()
        for name in THREADS:
            self.talk(name)
        self.describe()
        for name in GROUPS:
            self.gather(name)


def seed(layout: Layout) -> Path:
    """Fills the clinic. Returns the file that holds accounts and threads as ready.json shows them."""
    with opened(layout) as database:
        demo = Demo(layout, database)
        demo.fill()
    return demo.path
