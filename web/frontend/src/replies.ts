// Saved replies in an open thread: the list is fetched as they read here, one is put into the composer to be edited, and what it leaves
// open is completed before it is sent. Without a script the list is a page of its own, and the server asks the same.
import { all, make, one } from "./dom.ts";
import { Refused, getFragments, post } from "./http.ts";
import { live } from "./live.ts";
import { openKey, store } from "./store.ts";

export interface Place {
  account: string;
  thread: string;
  root: HTMLElement;
  /** Puts a text into the composer where the caret is; returns where it begins. */
  insert(text: string): number;
  /** Selects a stretch of the composer's text. */
  select(start: number, end: number): void;
  signal: AbortSignal;
}

const folded = (text: string) => text.normalize("NFC").toLowerCase();

/** The placeholders that replies have left open in this thread's message; kept, so that a reload still knows them. */
export class Open {
  readonly #key: string;

  constructor(account: string, thread: string) {
    this.#key = openKey(account, thread);
  }

  get all(): string[] {
    try {
      const found: unknown = JSON.parse(store.get(this.#key) ?? "[]");
      return Array.isArray(found) ? found.filter((one) => typeof one === "string") : [];
    } catch {
      return [];
    }
  }

  add(found: string[]): void {
    const now = [...new Set([...this.all, ...found])];
    if (now.length) store.set(this.#key, JSON.stringify(now));
  }

  /** Those that still stand in `text`. */
  left(text: string): string[] {
    return this.all.filter((one) => text.includes(one));
  }

  clear(): void {
    store.remove(this.#key);
  }
}

/** What to say while some are left. */
export function openWords(left: string[]): string {
  return left.length ? `Not sent: complete ${left.join(", ")} first, by your own words.` : "";
}

/** Whether a click fell beside a dialog, on what it covers. */
function outside(sheet: HTMLElement, { clientX, clientY }: MouseEvent): boolean {
  const box = sheet.getBoundingClientRect();
  return clientX < box.left || clientX > box.right || clientY < box.top || clientY > box.bottom;
}

export function startReplies(place: Place): Open {
  const open = new Open(place.account, place.thread);
  const { signal } = place;

  function use(link: HTMLElement): void {
    const text = link.dataset.text ?? "";
    const found = JSON.parse(link.dataset.open ?? "[]") as string[];
    open.add(found);
    const start = place.insert(text);
    const first = found[0] ? text.indexOf(found[0]) : -1;
    if (first >= 0) place.select(start + first, start + first + (found[0]?.length ?? 0));
    post(`/actions/saved_reply.used/${link.dataset.reply ?? ""}`, {}).catch((error: unknown) => live.missed(error));
  }

  function find(sheet: HTMLElement, words: string): void {
    const wanted = folded(words).split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const choice of all(".choices > li", sheet)) {
      choice.hidden = !wanted.every((word) => folded(choice.dataset.find ?? "").includes(word));
      if (!choice.hidden) shown += 1;
    }
    const none = one(".none", sheet);
    if (none) none.hidden = shown > 0;
  }

  async function show(link: HTMLAnchorElement): Promise<void> {
    const sheet = make("dialog", { class: "sheet", "aria-label": "Use a saved reply" }, make("p", { class: "soft", role: "status" }, "Loading your saved replies…"));
    place.root.append(sheet);
    const gone = () => sheet.remove();
    sheet.addEventListener("close", gone);
    signal.addEventListener("abort", gone);
    sheet.showModal();
    try {
      const { html } = await getFragments(link.pathname);
      const part = new DOMParser().parseFromString(html, "text/html").querySelector(".replies");
      if (!part) throw new Error("the page of replies has no list");
      sheet.replaceChildren(part);
    } catch (error) {
      sheet.replaceChildren(
        make("p", { role: "alert" }, error instanceof Refused ? error.text : "Your saved replies could not be loaded. Try again in a moment."),
        make("button", { class: "button", type: "button", "data-close": true }, "Back to the message"),
      );
    }
    one<HTMLElement>("input, .choices a, [data-close]", sheet)?.focus();
    sheet.addEventListener("input", (event) => event.target instanceof HTMLInputElement && find(sheet, event.target.value));
    sheet.addEventListener("submit", (event) => (event.preventDefault(), event.stopPropagation()));
    sheet.addEventListener("click", (event) => {
      const target = event.target instanceof Element ? event.target : null;
      const choice = target?.closest<HTMLElement>(".choices a");
      if (!choice && !target?.closest("[data-close]") && !outside(sheet, event)) return;
      event.preventDefault();
      event.stopPropagation();
      sheet.close();
      if (choice) use(choice);
    });
  }

  place.root.addEventListener(
    "click",
    (event) => {
      const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[data-replies]") : null;
      if (!link || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation();
      const menu = link.closest<HTMLDetailsElement>(".drop");
      if (menu) menu.open = false;
      void show(link);
    },
    { signal },
  );
  // A page that begins with a reply: it is in the composer already, and a reload must not put it there again.
  const given = one<HTMLFormElement>("form[data-saved]", place.root);
  if (given) {
    open.add(JSON.parse(given.dataset.open ?? "[]") as string[]);
    history.replaceState(history.state, "", location.pathname);
  }
  return open;
}
