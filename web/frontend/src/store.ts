// What this browser keeps: settings of the browser, and per account drafts (of messages, and of the forms of profiles) and unsent messages. Nothing else of a thread is stored.

export interface Store {
  get(key: string): string | null;
  set(key: string, value: string): void;
  remove(key: string): void;
  keys(): string[];
}

/** localStorage; where it is refused (private windows, full) a plain map for the life of the page. */
export function browserStore(): Store {
  const spare = new Map<string, string>();
  return {
    get(key) {
      try {
        return spare.get(key) ?? localStorage.getItem(key);
      } catch {
        return spare.get(key) ?? null;
      }
    },
    set(key, value) {
      try {
        localStorage.setItem(key, value);
        spare.delete(key);
      } catch {
        spare.set(key, value);
      }
    },
    remove(key) {
      spare.delete(key);
      try {
        localStorage.removeItem(key);
      } catch {
        return;
      }
    },
    keys() {
      try {
        return [...new Set([...Object.keys(localStorage), ...spare.keys()])];
      } catch {
        return [...spare.keys()];
      }
    },
  };
}

export const store = browserStore();

export type Setting = "sound" | "desktop" | "enter" | "shortcuts";

const coarse = () => typeof matchMedia === "function" && matchMedia("(pointer: coarse)").matches;

/** A setting of this browser. On a touch keyboard Enter makes a new line unless the person chose otherwise. */
export function setting(name: Setting): boolean {
  const value = store.get(`bedside:setting:${name}`);
  if (value !== null) return value === "on";
  return name === "shortcuts" || (name === "enter" && !coarse());
}

export function keepSetting(name: Setting, on: boolean): void {
  store.set(`bedside:setting:${name}`, on ? "on" : "off");
}

export const draftKey = (account: string, thread: string) => `bedside:${account}:draft:${thread}`;
/** What was typed in a form of a page, and not saved. */
export const formKey = (account: string, form: string) => `bedside:${account}:form:${form}`;
/** Which placeholders of saved replies the draft has to complete. */
export const openKey = (account: string, thread: string) => `bedside:${account}:open:${thread}`;
/** What a draft is: an internal note, an answer, a correction; and what was typed before a correction began. */
export const aboutKey = (account: string, thread: string) => `bedside:${account}:about:${thread}`;
// One key a message: tabs of one browser see each other's writes late, so a list that two of them rewrite loses messages.
const outboxStart = (account: string) => `bedside:${account}:outbox:`;
export const outboxKey = (account: string, thread: string, id: string) => `${outboxStart(account)}${thread}:${id}`;

/** The thread of an outbox key of this account; null for every other key. */
export function threadOfKey(account: string, key: string): string | null {
  const start = outboxStart(account);
  const end = key.indexOf(":", start.length);
  return key.startsWith(start) && end > start.length ? key.slice(start.length, end) : null;
}

/** Forgets everything of this account in this browser; settings of the browser stay. */
export function forget(account: string): void {
  for (const key of store.keys()) if (key.startsWith(`bedside:${account}:`)) store.remove(key);
}
