// Forms of a patient's profile: what is typed in one is kept in this browser until it is saved or put away, as a message's draft is.
import { icon, make, one } from "./dom.ts";
import { formKey, store } from "./store.ts";

/** A form whose answer this tab waits for: where it leads once it is saved, and the draft that is done with then. */
const SAVING = "bedside:saving";
const BACK = "What you typed here and did not save is back. It is not saved yet.";
const AGAIN = "Choose again: what you had chosen is not there any more.";

interface Kept {
  /** What had been stored when it was typed: the clinic refuses to write over what somebody else has saved since. */
  version: string;
  values: Record<string, string>;
}

type Field = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

function fields(form: HTMLFormElement): Field[] {
  const all = [...form.elements].filter((one) => one instanceof HTMLInputElement || one instanceof HTMLTextAreaElement || one instanceof HTMLSelectElement);
  return all.filter((field) => field.name && field.type !== "hidden");
}

/** What was chosen, also where it has to be chosen again. */
const valueOf = (field: Field) => (field.validity.customError ? (field.dataset.was ?? "") : field.value);
const valuesOf = (form: HTMLFormElement) => Object.fromEntries(fields(form).map((field) => [field.name, valueOf(field)]));
const same = (one: Record<string, string>, other: Record<string, string>) => Object.keys(one).every((name) => one[name] === other[name]);

/** What the server drew, whatever the browser has put back by itself since. */
function drawn(form: HTMLFormElement): Record<string, string> {
  const copy = form.cloneNode(true) as HTMLFormElement;
  copy.reset();
  return valuesOf(copy);
}

function read(key: string): Kept | null {
  try {
    return JSON.parse(store.get(key) ?? "null") as Kept | null;
  } catch {
    return null;
  }
}

/** A field takes its value back; a choice that is not offered any more is made again, and not quietly another one. */
function put(field: Field, value: string): void {
  field.value = value;
  if (!(field instanceof HTMLSelectElement) || field.value === value) return;
  field.dataset.was = value;
  field.setCustomValidity(AGAIN);
  field.addEventListener("change", () => field.setCustomValidity(""), { once: true });
}

class FormDraft {
  readonly #version: HTMLInputElement | null;
  readonly #drawn: Record<string, string>;
  readonly #drawnVersion: string;
  #note: HTMLElement | null = null;

  constructor(
    readonly form: HTMLFormElement,
    readonly key: string,
  ) {
    this.#version = one<HTMLInputElement>("input[name=version]", form);
    this.#drawn = drawn(form);
    this.#drawnVersion = this.#version?.value ?? "";
    for (const name of ["input", "change"]) form.addEventListener(name, () => this.#keep());
    form.addEventListener("submit", () => this.#saves());
    const kept = read(key);
    if (this.#refused) this.#write();
    else if (kept && same(kept.values, this.#drawn)) this.#forget();
    else if (kept) this.#restore(kept);
  }

  /** After a refusal what was typed stands in the form already. */
  get #refused(): boolean {
    return this.form.dataset.refused !== undefined;
  }

  #restore(kept: Kept): void {
    for (const field of fields(this.form)) {
      const value = kept.values[field.name];
      if (value !== undefined) put(field, value);
    }
    if (this.#version) this.#version.value = kept.version;
    const discard = make("button", { class: "button quiet", type: "button" }, "Discard it");
    discard.addEventListener("click", () => this.#discard());
    this.#note = make("div", { class: "note", role: "status" }, icon("info"), make("div", {}, make("p", {}, BACK), discard));
    this.form.prepend(this.#note);
  }

  #discard(): void {
    for (const field of fields(this.form)) {
      field.setCustomValidity("");
      field.value = this.#drawn[field.name] ?? "";
    }
    if (this.#version) this.#version.value = this.#drawnVersion;
    this.#forget();
    this.#note?.remove();
    fields(this.form)[0]?.focus();
  }

  #keep(): void {
    if (!this.#refused && same(valuesOf(this.form), this.#drawn)) this.#forget();
    else this.#write();
  }

  #write(): void {
    store.set(this.key, JSON.stringify({ version: this.#version?.value ?? "", values: valuesOf(this.form) } satisfies Kept));
  }

  #forget(): void {
    store.remove(this.key);
  }

  #saves(): void {
    const next = one<HTMLInputElement>("input[name=next]", this.form)?.value ?? "";
    try {
      sessionStorage.setItem(SAVING, JSON.stringify([this.key, new URL(next, location.href).pathname]));
    } catch {
      return; // the draft stays, and is offered once more
    }
  }
}

/** The page that comes after a form was sent: only where it says that it is saved, the draft is done with. */
function settle(main: ParentNode): void {
  try {
    const saving = sessionStorage.getItem(SAVING);
    if (saving === null) return;
    sessionStorage.removeItem(SAVING);
    const [key, path] = JSON.parse(saving) as [string, string];
    if (path === location.pathname && one(".note.good", main)) store.remove(key);
  } catch {
    return;
  }
}

/** Wires the form of a profile, where #main shows one. */
export function mountFormDrafts(main: ParentNode, account: string): void {
  settle(main);
  const form = one<HTMLFormElement>("form[data-draft]", main);
  if (!form || !account) return;
  const key = formKey(account, form.dataset.draft ?? "");
  new FormDraft(form, key);
  one("[data-put-away]", form)?.addEventListener("click", () => store.remove(key));
}
