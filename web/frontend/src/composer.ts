// Where a message is typed: grows, keeps its draft per thread, counts near the limit, hands what is sent to the outbox.
import { one } from "./dom.ts";
import { removedWords, sendable } from "./sendable.ts";
import { draftKey, keepSetting, setting, store } from "./store.ts";

export const LIMIT_BYTES = 64 * 1024;
const NEAR = 0.9;
const bytes = (text: string) => new TextEncoder().encode(text).length;

export interface Composing {
  account: string;
  thread: string;
  send(body: string): void;
  /** Says in words why a text is not ready to be sent, and what of it to look at; null when it is. */
  unready?(body: string): { words: string; look: string } | null;
  typing(state: "composing" | "paused" | "active"): void;
  signal: AbortSignal;
}

export interface Composer {
  restore(text: string): void;
  /** Puts a text in where the caret is; returns where it begins. */
  insert(text: string): number;
  select(start: number, end: number): void;
  focus(): void;
}

/** Wires the form; returns a way to put text back into it. */
export function startComposer(form: HTMLFormElement, with_: Composing): Composer {
  const box = one<HTMLTextAreaElement>("textarea", form);
  if (!box) throw new Error("the composer has no text field");
  const area = box;
  const { signal } = with_;
  const key = draftKey(with_.account, with_.thread);
  const note = one("#compose-note");
  let lastTold = 0;
  let pause: ReturnType<typeof setTimeout> | undefined;

  function grow(): void {
    area.rows = 1;
    const line = Number.parseFloat(getComputedStyle(area).lineHeight) || 24;
    area.rows = Math.max(1, Math.min(12, Math.round((area.scrollHeight - 16) / line)));
  }

  function count(): void {
    const size = bytes(area.value);
    const over = size > LIMIT_BYTES;
    const near = size > LIMIT_BYTES * NEAR;
    area.setAttribute("aria-invalid", String(over));
    if (!note) return;
    note.hidden = !near;
    note.classList.toggle("problem", over);
    note.textContent = over
      ? `Too long by ${(size - LIMIT_BYTES).toLocaleString()} bytes: send it in parts.`
      : `${(LIMIT_BYTES - size).toLocaleString()} bytes left`;
  }

  function say(words: string): void {
    if (!note) return;
    note.textContent = words;
    note.classList.add("problem");
    note.hidden = false;
  }

  function changed(): void {
    if (area.value) store.set(key, area.value);
    else store.remove(key);
    grow();
    count();
  }

  function tellTyping(): void {
    clearTimeout(pause);
    if (!area.value) {
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
  }

  function submit(): void {
    const body = area.value;
    if (!body.trim() || bytes(body) > LIMIT_BYTES) {
      changed();
      area.focus();
      return;
    }
    const unready = with_.unready?.(body);
    if (unready) {
      say(unready.words);
      area.focus();
      const at = body.indexOf(unready.look);
      if (at >= 0) area.setSelectionRange(at, at + unready.look.length);
      return;
    }
    // Kept in the outbox first: box and draft are cleared when nothing can be lost any more.
    with_.send(body);
    area.value = "";
    clearTimeout(pause);
    lastTold = 0;
    changed();
    area.focus();
  }

  area.addEventListener("input", () => (changed(), tellTyping()), { signal });
  area.addEventListener(
    "keydown",
    (event) => {
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
      if (event.key === key && document.activeElement !== area) {
        area.value = event.newValue ?? "";
        grow();
        count();
      }
    },
    { signal },
  );

  const enter = one<HTMLInputElement>("#enter-sends");
  if (enter) {
    enter.checked = setting("enter");
    enter.addEventListener("change", () => keepSetting("enter", enter.checked), { signal });
  }
  const draft = store.get(key) ?? "";
  if (!area.value) area.value = draft;
  else if (form.dataset.saved && draft) area.value = `${draft}\n${area.value}`; // the page begins with a reply: both stay
  grow();
  count();
  return {
    restore(text) {
      const kept = sendable(text);
      area.value = area.value ? `${area.value}\n${kept.text}` : kept.text;
      changed();
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
    focus: () => area.focus(),
  };
}
