"""What people do in a history of the gate (gate_histories.py): each step is a call or two, by the page, by an app, or as the clinic itself."""

from __future__ import annotations

import random
import threading
from datetime import timedelta
from typing import Any

from clinic import Actor, Call, Done
from clinic.errors import Conflict, DomainError, Gated, Held, NotSignedIn
from tests.model.gate_histories import PATIENTS, PEOPLE, PRACTITIONERS, SYSTEM, WAIT_SECONDS, History, step
from tests.model.gate_model import HELD_BACK, Asked


def _place(history: History, chance: random.Random, who: str) -> str:
    """Return a thread of somebody's."""
    known = list(history.labels)
    return chance.choice([label for label in known if who in label.split("-") or label == "group" or (label == "other" and who != "bella")])


def _composed(history: History, chance: random.Random, who: str) -> tuple[str, str, dict[str, Any], str]:
    """Return something to send: where, by which action, with which values, and what it is called."""
    label = _place(history, chance, who)
    known = history.entries.get(label, [])
    own = [uid for uid, author in known if author == who]
    what = chance.choice(["text", "text", "text", "reply", "correction", "reaction"])
    if what == "correction" and own:
        return label, "text.correct", {"entry": chance.choice(own), "body": f"corrected {history.once()}"}, what
    if what == "reaction" and known:
        return label, "text.react", {"entry": chance.choice(known)[0], "emojis": chance.choice("👍🎉")}, what
    reply = {"reply_to": chance.choice(known)[0]} if what == "reply" and known else {}
    return label, "text.post", {"body": "hello", **reply}, "reply" if reply else "text"


def _keep(history: History, who: str, label: str, action: str, what: str, begin: int, end: int, result: Done | DomainError) -> None:
    if action == "text.post" and isinstance(result, Done):
        history.entries.setdefault(label, []).append((result.value, who))
    if who in PATIENTS:
        history.note_sent(begin, end, who, label, what, result)


@step(14)
def sends_by_the_page(history: History, chance: random.Random) -> None:
    """Somebody sends something from their page."""
    who = chance.choice([*PATIENTS, *PATIENTS, *PATIENTS, *PEOPLE])
    label, action, values, what = _composed(history, chance, who)
    values["client_id"] = history.once()
    began, ended, result = history.call(history.actors[who], action, history.labels[label], **values)
    _keep(history, who, label, action, what, began, ended, result)
    if isinstance(result, Done):
        history.stored.append((who, label, action, values, result.value))


@step(5)
def an_outbox_sends_again(history: History, chance: random.Random) -> None:
    """What was stored comes again: it is known, whatever waits for an answer meanwhile."""
    if not history.stored:
        return
    who, label, action, values, uid = chance.choice(history.stored[-4:])
    again = history.call(history.actors[who], action, history.labels[label], **values)[2]
    if isinstance(again, Gated) or (isinstance(again, Done) and not (again.duplicate and again.value == uid)):
        history.problems.append(f"what {who} sent again in {label} was held back, or taken for something new: {again}")


@step(14)
def send_by_apps(history: History, chance: random.Random) -> None:
    """Several people send by their apps; the writer commits them together."""
    composed = [(who, *_composed(history, chance, who)) for who in chance.choices([*PATIENTS, *PATIENTS, *PEOPLE], k=chance.randrange(1, 5))]
    calls = [
        Call(Actor.xmpp(history.handles[who]), action, history.labels[label], {**values, "client_id": history.once()})
        for who, label, action, values, _ in composed
    ]
    begin = next(history.ticks)
    results = history.clinics.apps.batch(calls)
    left = [place for place, result in enumerate(results) if isinstance(result, Held)]
    if left:  # somebody else has locked the thread
        for place, result in zip(left, history.clinics.apps.batch([calls[place] for place in left], WAIT_SECONDS), strict=True):
            results[place] = result
    end = next(history.ticks)
    for (who, label, action, _, what), call, result in zip(composed, calls, results, strict=True):
        history._note(begin, end, action, call.actor, call.subject, result)
        _keep(history, who, label, action, what, begin, end, result)


@step(5)
def keeps_for_later(history: History, chance: random.Random) -> None:
    """A patient writes something to be sent in a moment."""
    who = chance.choice(PATIENTS)
    label = _place(history, chance, who)
    at = history.clinics.page.now() + timedelta(milliseconds=chance.choice([5, 10, 40]))
    began, ended, result = history.call(history.actors[who], "text.schedule", history.labels[label], body="later", at=at, client_id=history.once())
    history.note_sent(began, ended, who, label, "scheduling", result)
    if isinstance(result, Done):
        history.waiting[result.value] = who, label, threading.Lock()


@step(8)
def sends_what_was_kept(history: History, chance: random.Random) -> None:
    """The clinic sends what is due, or its author does at once, puts it off, or discards it."""
    if not history.waiting:
        return
    uid = chance.choice(list(history.waiting))
    who, label, lock = history.waiting[uid]
    place = history.labels[label]
    with lock:
        how = chance.choice(["deliver", "deliver", "deliver", "send", "reschedule", "unschedule"])
        if how == "deliver":
            before = _refused(history, uid)
            began, ended, result = history.call(SYSTEM, "text.deliver_scheduled", place, scheduled=uid)
            if isinstance(result, Done) and result.value:
                history.note_sent(began, ended, who, label, "delivery", result)
            elif before is None and (why := _refused(history, uid)) is not None:
                held = "waits for your answer" in why
                history.note_sent(began, ended, who, label, "delivery", Gated() if held else Conflict())
        elif how == "unschedule":
            history.call(history.actors[who], "text.unschedule", place, scheduled=uid)
        else:
            action, at = f"text.{how}", {"at": history.clinics.page.now() + timedelta(milliseconds=20)} if how == "reschedule" else {}
            began, ended, result = history.call(history.actors[who], action if at else "text.send_scheduled", place, scheduled=uid, **at)
            history.note_sent(began, ended, who, label, how, result)


def _refused(history: History, uid: str) -> str | None:
    [row] = history._sql("SELECT refused FROM scheduled_texts WHERE uid IN", uid)
    why: str | None = row.refused
    return why


@step(4)
def begins_something_new(history: History, chance: random.Random) -> None:
    """A patient starts a thread with their practitioner, or asks to be let into another group of theirs."""
    who, label = chance.choice(list(history.begun))
    there = history.begun[who, label]
    asked = ("group.ask", {"token": history.link}) if label == "other" else ("thread.start", {"person": history.uids["boris"]})
    began, ended, result = history.call(history.actors[who], asked[0], **asked[1])
    if isinstance(result, Done):
        there.change(began, ended, True)
        if asked[0] == "thread.start":
            history.labels[label] = result.value
    if isinstance(result, DomainError) or result.entries:  # otherwise it was there already, and nothing was begun
        history.note_sent(began, ended, who, label, asked[0], result, there)


@step(4)
def does_what_nothing_holds_back(history: History, chance: random.Random) -> None:
    """A patient takes something back, reads, silences or puts away a thread, searches."""
    who = chance.choice(PATIENTS)
    label = _place(history, chance, who)
    place, me = history.labels[label], history.actors[who]
    known = history.entries.get(label, [])
    own = [uid for uid, author in known if author == who]
    how = chance.choice(["retract", "mark", "mute", "search", "leave"])
    if how == "retract" and own:
        history.call(me, "text.retract", place, entry=chance.choice(own), client_id=history.once())
    elif how == "mark" and known:
        history.call(me, "thread.mark", place, entry=known[-1][0], state="read")
    elif how == "mute":
        history.call(me, "thread.mute", place, muted=chance.random() < 0.5)
    elif how == "search":
        history.call(me, "search.ask", place, words="hello")
    elif how == "leave" and "-" in label:
        history.call(me, "thread.leave", place)


@step(11)
def asks_for_a_payment(history: History, chance: random.Random) -> None:
    """A practitioner asks, or Chen for Boris."""
    by = chance.choice(["boris", "boris", "bella", "chen"])
    label = _place(history, chance, by)
    patient = label.split("-")[0] if "-" in label else "ada" if label == "other" else chance.choice(PATIENTS)
    values = {"service": chance.choice(history.clinics.services), "patient": history.uids[patient], "client_id": history.once()}
    began, ended, result = history.call(history.actors[by], "payment.request", history.labels[label], **values)
    if isinstance(result, Done):
        history.model.asks(Asked(result.value, label, patient, "boris" if by == "chen" else by, by), began, ended)


@step(13)
def answers(history: History, chance: random.Random) -> None:
    """A patient answers a request, from any thread in which it holds; at times on two devices at once, each in another way."""
    known = [one for one in list(history.model.asked.values()) if not (history.model.answered.get(one.uid) and chance.random() < 0.8)]
    if not known:
        return
    one = chance.choice(known)
    if chance.random() < 0.25:
        other = threading.Thread(target=_answer, args=(history, random.Random(chance.random()), one))
        other.start()
        _answer(history, chance, one)
        other.join()
    else:
        _answer(history, chance, one)


def _answer(history: History, chance: random.Random, one: Asked) -> None:
    place = history.labels[one.label if chance.random() < 0.6 else _place(history, chance, one.patient)]
    decision, named = chance.choice(["accept", "reject"]), one.uid if chance.random() < 0.7 else None
    began, ended, result = history.call(history.actors[one.patient], "payment.decide", place, decision=decision, request=named)
    if not isinstance(result, Done):
        if place == history.labels[one.label] and named and not isinstance(result, NotSignedIn):
            history.answers_refused.append((began, ended, one))
        return
    uid = result.entries[0].payload.request if result.entries else named
    if uid is not None:
        history.later.append(lambda: history.model.asked[uid].open.change(began, ended, False))
        history.model.answered.setdefault(uid, set()).add(f"{decision}ed")


@step(4)
def withdraws(history: History, chance: random.Random) -> None:
    """Staff of its thread, or the administrator, take a request back, or say that it was paid."""
    if not history.model.asked:
        return
    one = chance.choice(list(history.model.asked.values()))
    if chance.random() < 0.25:
        history.call(history.actors[one.practitioner], "payment.mark_paid", history.labels[one.label], request=one.uid, note="At the desk")
        return
    by = chance.choice([history.actors[one.practitioner], history.actors["chen"], history.clinics.admin])
    began, ended, result = history.call(by, "payment.withdraw", history.labels[one.label], request=one.uid)
    if isinstance(result, Done):
        history.later.append(lambda: one.open.change(began, ended, False))
        history.model.answered.setdefault(one.uid, set()).add("withdrawn")


@step(5)
def calls_for_help(history: History, chance: random.Random) -> None:
    """A patient calls for help, where a request holds mostly."""
    held = [one for one in history.sent if one.outcome == HELD_BACK]
    who, label = (held[-1].patient, held[-1].label) if held and chance.random() < 0.7 else ("ana", _place(history, chance, "ana"))
    if label not in history.labels:
        return
    began, ended, result = history.call(history.actors[who], "urgent.call", history.labels[label], words="It hurts", client_id=history.once())
    if isinstance(result, Done):
        history.model.urgent(who, label).change(began, ended, True)


@step(5)
def resolves(history: History, chance: random.Random) -> None:
    """Staff resolve the calls of a thread; who called goes on writing."""
    calling = [label for _, label in list(history.model._urgent)]
    if not calling:
        return
    label = chance.choice(calling)
    by = label.split("-")[1] if "-" in label else "boris"
    begin, end, result = history.call(history.actors[by], "urgent.resolve", history.labels[label])
    if isinstance(result, Done):
        history.later.append(lambda: history.model.resolves(begin, end, label))
        who = next(patient for patient, place in list(history.model._urgent) if place == label)
        began, ended, sent = history.call(history.actors[who], "text.post", history.labels[label], body="Thank you", client_id=history.once())
        _keep(history, who, label, "text.post", "text", began, ended, sent)


@step(3)
def closes_or_opens_an_account(history: History, chance: random.Random) -> None:
    """The administrator deactivates somebody, or opens their account again."""
    who = chance.choice([*history.inactive] * 3 + ["boris", "bella", "chen", "chen", "ana"])
    if who in history.inactive:
        history.call(SYSTEM, "account.activate", history.uids[who])
        history.inactive.discard(who)
        return
    history.inactive.add(who)
    began, ended, result = history.call(SYSTEM, "account.deactivate", history.uids[who])
    if isinstance(result, Done):
        history.later.append(lambda: history.model.withdraws(began, ended, concerning=who))


@step(3)
def links_or_unlinks(history: History, chance: random.Random) -> None:
    """The administrator ends that somebody is treated or assisted by a practitioner, or has it begin again."""
    who, chief = chance.choice([("ana", "boris"), ("ana", "bella"), ("ada", "boris"), ("chen", "boris")])
    kind, names = ("coordinator", ("coordinator", "practitioner")) if who == "chen" else ("patient", ("patient", "practitioner"))
    people = dict(zip(names, (history.uids[who], history.uids[chief]), strict=True))
    began, ended, result = history.call(SYSTEM, f"link.{kind}_remove", **people)
    if isinstance(result, Done):
        history.later.append(lambda: history.model.withdraws(began, ended, concerning=who, practitioner=chief))
    if not isinstance(result, Done) or chance.random() < 0.5:
        history.call(SYSTEM, f"link.{kind}_add", **people)


@step(6)
def comes_or_goes(history: History, chance: random.Random) -> None:
    """Somebody leaves the group, is removed from it or invited into it; at times it is closed."""
    asked = [name for one in list(history.model.asked.values()) if one.label == "group" for name in (one.practitioner, one.patient)]
    who, place = chance.choice(["bella", "bella", "ada", "ana", "boris", *asked]), history.labels["group"]
    how = chance.choices(["leave", "remove", "invite", "close"], [3, 3, 6, 0.5])[0]
    if how == "invite":
        by = history.actors["boris" if who != "boris" else "bella"]
        began, ended, result = history.call(by, "thread.invite", place, people=[history.uids[who]], reason="Care")
        if isinstance(result, Done):
            history.model.member(who, "group").change(began, ended, True)
        return
    if how == "leave":
        began, ended, result = history.call(history.actors[who], "thread.leave", place, **({"then": history.uids["bella"]} if who == "boris" else {}))
    elif how == "remove":
        began, ended, result = history.call(history.actors["boris" if who != "boris" else "bella"], "group.remove", place, person=history.uids[who])
    else:
        began, ended, result = history.call(history.actors["boris"], "group.close", place)
    if isinstance(result, Done):
        _ended(history, who, began, ended, everybody=how == "close")


def _ended(history: History, who: str, began: int, ended: int, *, everybody: bool) -> None:
    for name in (*PRACTITIONERS, *PATIENTS) if everybody else (who,):
        history.model.member(name, "group").change(began, ended, False)
    history.later.append(lambda: history.model.withdraws(began, ended, concerning="" if everybody else who, label="group"))
