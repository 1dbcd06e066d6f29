// Where a message is typed: a text, an internal note, an answer, or the correction of a message. Grows, keeps its draft per thread,
// counts near the limit, hands what is sent to the outbox.
import { type About, firstWords } from "./about.ts";
import { icon, make, one } from "./dom.ts";
import { Draft, type Kind, PLAIN, sending } from "./drafts.ts";
import { startMentions } from "./mentions.ts";
import type { Pasted } from "./pasted.ts";
import { removedWords, sendable } from "./sendable.ts";
import { keepSetting, setting, store } from "./store.ts";
import { localTimes } from "./times.ts";

export const LIMIT_BYTES = 64 * 1024;
const NEAR = 0.9;
const bytes = (text: string) => new TextEncoder().encode(text).length;

export interface Composing {
  account: string;
  thread: string;
  send(action: string, values: Record<string, string>): void;
  /** Says in words why a text is not ready to be sent, and what of it to look at; null when it is. */
  unready?(body: string): { words: string; look: string } | null;
  /** The files that Send sends, too; a correction leaves them where they are. */
  pasted: Pasted | null;
  typing(state: "composing" | "paused" | "active"): void;
  /** The entry as the page shows it, or null where it does not. */
  find(uid: string): About | null;
  signal: AbortSignal;
}

export interface Composer {
  /** Puts back what was refused. */
  restore(action: string, values: Record<string, string>): void;
  reply(about: About): void;
  correct(about: About): void;
  /** Puts a text in where the caret is; returns where it begins. */
  insert(text: string): number;
  select(start: number, end: number): void;
  focus(): void;
}

/** Draws what the composer is about, and what its text becomes. */
function show(form: HTMLFormElement, area: HTMLTextAreaElement, kind: Kind, cancel: () => void): void {
  const internal = kind.correct?.internal ?? kind.note;
  const subject = kind.correct ?? kind.reply;
  form.classList.toggle("internal", internal);
  form.classList.toggle("correcting", kind.correct !== null);
  const mark = one(".internal-mark", form);
  if (mark) mark.hidden = !internal;
  const box = one<HTMLInputElement>("#internal-note");
  if (box) {
    box.checked = internal;
    box.disabled = kind.correct !== null;
  }
  const later = one("#later-button", form);
  if (later) later.hidden = internal || subject !== null; // what is sent later is a plain message
  area.placeholder = internal ? "Write an internal note" : "Write a message";
  one(".send > span", form)?.replaceChildren(kind.correct ? "Correct" : internal ? "Add note" : "Send");
  const about = one(".about", form);
  if (!about) return;
  about.hidden = subject === null;
  about.replaceChildren();
  if (!subject) return;
  const words = kind.correct
    ? ["Correcting your message", ...(subject.at ? [" of ", make("time", { datetime: subject.at, "data-form": "clock" })] : [])]
    : ["Answering ", make("b", {}, subject.name || "a message"), " ", make("span", { dir: "auto" }, firstWords(subject.text))];
  const button = make("button", { class: "button quiet", type: "button" }, icon("x"), make("span", {}, "Cancel"));
  button.addEventListener("click", cancel);
  about.append(make("p", {}, ...words), button);
  localTimes(about);
}

/** Grows the field with its text, and says how much room is left near the limit. */
function fit(area: HTMLTextAreaElement, note: HTMLElement | null): void {
  area.rows = 1;
  const line = Number.parseFloat(getComputedStyle(area).lineHeight) || 24;
  area.rows = Math.max(1, Math.min(12, Math.round((area.scrollHeight - 16) / line)));
  const size = bytes(area.value);
  const over = size > LIMIT_BYTES;
  area.setAttribute("aria-invalid", String(over));
  if (!note) return;
  note.hidden = size <= LIMIT_BYTES * NEAR;
  note.classList.toggle("problem", over);
  note.textContent = over
    ? `Too long by ${(size - LIMIT_BYTES).toLocaleString()} bytes: send it in parts.`
    : `${(LIMIT_BYTES - size).toLocaleString()} bytes left`;
}

function say(note: HTMLElement | null, words: string): void {
  if (!note) return;
  note.textContent = words;
  note.classList.add("problem");
  note.hidden = false;
}

/** Tells the others that somebody writes; an internal note is nobody's business but staff's, so it tells nobody. */
function typist(with_: Composing): (text: string, quiet: boolean) => void {
  let lastTold = 0;
  let pause: ReturnType<typeof setTimeout> | undefined;
  return (text, quiet) => {
    clearTimeout(pause);
    if (!text || quiet) {
      if (lastTold) with_.typing("active");
      lastTold = 0;
      return;
    }
    if (Date.now() - lastTold > 5_000) {
      lastTold = Date.now();
      with_.typing("composing");
    }
    pause = setTimeout(() => {
      lastTold = 0;
      with_.typing("paused");
    }, 6_000);
  };
}

/** What the page came with: an answer or a correction that its address asks for. */
function given(form: HTMLFormElement, with_: Composing): Kind | null {
  const { entry = "", act } = one(".about", form)?.dataset ?? {};
  if (!entry) return null;
  const about = with_.find(entry) ?? { uid: entry, name: "", at: "", text: "", internal: form.classList.contains("internal") };
  return { ...PLAIN, note: about.internal, reply: act === "correct" ? null : about, correct: act === "correct" ? about : null };
}

/** Wires the form; returns ways to put something into it. */
export function startComposer(form: HTMLFormElement, with_: Composing): Composer {
  const box = one<HTMLTextAreaElement>("textarea", form);
  if (!box) throw new Error("the composer has no text field");
  const area = box;
  const { signal } = with_;
  const draft = new Draft(store, with_.account, with_.thread);
  const note = one("#compose-note");
  const tell = typist(with_);
  let kind = given(form, with_) ?? draft.kind;

  function changed(): void {
    draft.keep(area.value, kind);
    fit(area, note);
  }

  function become(next: Kind): void {
    kind = next;
    show(form, area, kind, cancel);
    changed();
  }

  function put(text: string): void {
    area.value = text;
  }

  function cancel(): void {
    if (kind.correct) put(kind.before);
    become({ ...PLAIN, note: kind.correct ? false : kind.note });
    area.focus();
  }

  function submit(): void {
    const body = area.value;
    const pasted = kind.correct ? null : with_.pasted;
    const files = pasted?.many ?? 0;
    if ((!body.trim() && !files) || bytes(body) > LIMIT_BYTES) {
      changed();
      area.focus();
      return;
    }
    const unready = with_.unready?.(body);
    if (unready) {
      say(note, unready.words);
      area.focus();
      const at = unready.look ? body.indexOf(unready.look) : -1;
      if (at >= 0) area.setSelectionRange(at, at + unready.look.length);
      return;
    }
    if (pasted && files) void pasted.send(form, signal, () => (area.value.trim() ? sendText() : area.focus()));
    else sendText();
  }

  function sendText(): void {
    // Kept in the outbox first: box and draft are cleared when nothing can be lost any more.
    with_.send(...sending(area.value, kind));
    put(kind.correct ? kind.before : "");
    tell("", true);
    // Notes often come one after the other, and by mistake nothing may go to the patient: the switch stays until it is moved.
    become({ ...PLAIN, note: kind.correct ? false : kind.note });
    area.focus();
  }

  startMentions(area, form, signal, () => area.dispatchEvent(new Event("input")));
  area.addEventListener("input", () => (changed(), tell(area.value, kind.note)), { signal });
  area.addEventListener(
    "keydown",
    (event) => {
      if (event.key === "Escape" && (kind.correct || kind.reply) && !event.isComposing) cancel();
      if (event.key !== "Enter" || event.isComposing) return;
      if (event.shiftKey && !event.ctrlKey && !event.metaKey) return;
      if (!setting("enter") && !event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      submit();
    },
    { signal },
  );
  form.addEventListener("submit", (event) => (event.preventDefault(), event.stopPropagation(), submit()), { signal });
  addEventListener(
    "storage",
    (event) => {
      // Another tab's draft is this one's, whole: its words without its being a note would go to the patient from here.
      if (!draft.owns(event.key) || (document.hasFocus() && document.activeElement === area)) return;
      put(draft.text);
      kind = draft.kind;
      show(form, area, kind, cancel);
      fit(area, note);
    },
    { signal },
  );
  const internal = one<HTMLInputElement>("#internal-note");
  internal?.addEventListener(
    "change",
    () => {
      const { reply } = kind;
      become({ ...kind, note: internal.checked, reply: reply && !internal.checked && reply.internal ? null : reply });
      area.focus();
    },
    { signal },
  );
  const enter = one<HTMLInputElement>("#enter-sends");
  if (enter) {
    enter.checked = setting("enter");
    enter.addEventListener("change", () => keepSetting("enter", enter.checked), { signal });
  }
  if (!area.value) put(draft.text);
  else if (form.dataset.saved && draft.text) put(`${draft.text}\n${area.value}`); // the page begins with a reply: both stay
  show(form, area, kind, cancel);
  fit(area, note);

  const nameless = (uid: string, internal: boolean): About => with_.find(uid) ?? { uid, name: "", at: "", text: "", internal };
  return {
    restore(action, values) {
      const kept = sendable(values.body ?? "");
      const { entry, reply_to } = values;
      if (action === "text.correct" && entry) {
        const before = kind.correct ? kind.before : area.value;
        put(kept.text);
        become({ ...PLAIN, correct: nameless(entry, false), before });
      } else {
        if (kind.correct) cancel();
        put(area.value ? `${area.value}\n${kept.text}` : kept.text);
        const isNote = action === "note.post" || (kind.note && area.value !== kept.text);
        become({ ...kind, note: isNote, reply: reply_to ? nameless(reply_to, isNote) : kind.reply });
      }
      if (note && note.hidden && kept.removed) {
        note.textContent = removedWords(kept.removed);
        note.hidden = false;
      }
      area.focus();
    },
    insert(text) {
      area.focus();
      const start = area.selectionStart;
      area.setRangeText(text, start, area.selectionEnd, "end");
      changed();
      return start;
    },
    select: (start, end) => area.setSelectionRange(start, end),
    reply(about) {
      if (kind.correct) cancel();
      become({ ...kind, note: kind.note || about.internal, reply: about });
      area.focus();
    },
    correct(about) {
      const before = kind.correct ? kind.before : area.value;
      put(about.text);
      become({ ...PLAIN, correct: about, before });
      area.focus();
      area.setSelectionRange(area.value.length, area.value.length);
    },
    focus: () => area.focus(),
  };
}
