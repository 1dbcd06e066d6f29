// The tray above the message box: what of one's own files is on its way in this thread, how far it is, and what can be done with each.
import { covered } from "./cover.ts";
import { all, icon, make, one } from "./dom.ts";
import { on } from "./events.ts";
import type { Told, Upload } from "./upload.ts";
import type { Uploads } from "./uploads.ts";

/** Larger pictures are not opened only to be shown small. */
const PICTURE_BYTES = 30_000_000;
const PICTURES = /^image\/(png|jpeg|gif|webp|avif|bmp)$/;

/** A size as people read it, as clinic/file/kinds.py says it. */
export function sizeWords(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1_000)} KB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

const percent = (upload: Upload) => (upload.size ? Math.min(100, Math.floor((upload.sent / upload.size) * 100)) : 0);

/** What is for one's own folder is kept; what is for a thread is sent. */
const done = (upload: Upload) => (upload.thread ? "sent" : "kept");

function stateWords(upload: Upload): string {
  switch (upload.phase) {
    case "pasted":
      return "";
    case "waits":
      return covered() ? "Waits until you sign in" : "Waits for its turn";
    case "sends":
      return `${sizeWords(upload.sent)} of ${sizeWords(upload.size)}`;
    case "stalled":
      return covered() ? "Waits until you sign in" : "No answer from the clinic; it goes on by itself.";
    case "checked":
      return "Being checked…";
    case "held":
      return upload.words;
    case "refused":
      return `Not ${done(upload)}. ${upload.words}`;
    case "lost":
      return `Not ${done(upload)} yet. Choose the file again to go on: what has arrived already is not carried again.`;
    case "elsewhere":
      return "On its way from another window";
    case "stops":
      return covered() ? "Waits until you sign in" : "Being stopped…";
    case "sent":
      return upload.thread ? "Sent" : "Kept";
  }
}

function picture(upload: Upload): Element {
  if (upload.file && upload.size < PICTURE_BYTES && PICTURES.test(upload.mediaType)) return make("img", { src: URL.createObjectURL(upload.file), alt: "", width: "44", height: "44" });
  const kind = upload.action === "voice.begin" ? "mic" : (upload.mediaType.split("/")[0] ?? "");
  return icon({ mic: "mic", image: "image", audio: "music", video: "video", text: "file-text" }[kind] ?? "file");
}

function button(what: string, word: string, name: string, look = ""): HTMLButtonElement {
  return make("button", { class: `button ${look}`.trim(), type: "button", "data-tray": what, "aria-label": `${word}: ${name}` }, word);
}

function buttons(upload: Upload): HTMLElement[] {
  const { name } = upload;
  switch (upload.phase) {
    case "pasted":
      return [button("discard", "Remove", name)];
    case "held":
      return [button("again", "Send again", name, "main"), button("discard", "Discard", name)];
    case "refused":
      return [button("discard", "Close", name)];
    case "lost":
      return [button("give", "Choose file", name, "main"), button("discard", "Discard", name)];
    case "elsewhere":
    case "stops":
    case "sent":
      return [];
    default:
      return [button("discard", "Cancel", name, "quiet")];
  }
}

/** What Send will do with it, as the frame around the message box stands: styles/files.css shows one of them. */
function promise(): HTMLElement[] {
  return [
    make("span", { class: "as-message" }, "Not sent yet. “Send” sends it to everybody in this thread."),
    make("span", { class: "as-note" }, "Not added yet. “Add note” adds it for staff only."),
    make("span", { class: "as-correction" }, "Not sent yet. It waits until your correction is done."),
  ];
}

function line(upload: Upload): HTMLElement {
  const what = make("div", { class: "what" }, make("b", { dir: "auto" }, upload.name), " ", make("span", { class: "soft small" }, sizeWords(upload.size)));
  const item = make("li", { "data-id": upload.id }, make("span", { class: "picture" }, picture(upload)), what);
  if (upload.values.note) what.append(make("p", { class: "internal-mark" }, icon("lock"), make("span", {}, "Internal note, staff only")));
  what.append(make("p", { class: "standing small" }, ...(upload.phase === "pasted" ? promise() : [])));
  item.append(make("div", { class: "row" }));
  return item;
}

/** Lets the browser forget the picture of a line that goes. */
function letGo(item: HTMLElement): void {
  const shown = one<HTMLImageElement>("img", item);
  if (shown) URL.revokeObjectURL(shown.src);
}

function progress(item: HTMLElement, upload: Upload): void {
  const shown = one<HTMLProgressElement>("progress", item);
  if (upload.phase !== "sends" && upload.phase !== "stalled") return shown?.remove();
  const bar = shown ?? make("progress", { max: "100", "aria-label": `How far it is: ${upload.name}` });
  bar.value = percent(upload);
  bar.setAttribute("aria-valuetext", `${percent(upload)} percent, ${stateWords(upload)}`);
  if (!shown) one(".what", item)?.append(bar);
}

/** The tray of one open thread, or of what is for none and announced by one action. */
export class Tray {
  readonly #list = make("ul", { class: "tray-list", "aria-label": "Your files on their way" });
  readonly #status = make("p", { class: "unseen", role: "status" });
  readonly #problem = make("p", { class: "problem", role: "alert", hidden: true });
  readonly #again = make("input", { type: "file", hidden: true });
  #drawn = false;
  /** What the page came with moves nothing. */
  #early = true;
  #giving = "";

  constructor(
    readonly place: HTMLElement,
    readonly log: HTMLElement,
    readonly uploads: Uploads,
    readonly thread: string,
    signal: AbortSignal,
    /** Of those that are for no thread, which: the action that announces them. */
    readonly action = "",
  ) {
    place.replaceChildren(this.#list, this.#problem, this.#status, this.#again);
    place.hidden = false;
    void uploads.known(this.#told()).then(() => requestAnimationFrame(() => requestAnimationFrame(() => (this.#early = false))));
    on("uploads", (change) => change.thread === thread && this.#soon(), signal);
    on("state", () => this.#soon(), signal);
    this.#list.addEventListener("click", (event) => this.#click(event), { signal });
    this.#again.addEventListener("change", () => this.#given(), { signal });
    const arrivals = new MutationObserver(() => this.#arrived());
    arrivals.observe(log, { childList: true });
    signal.addEventListener("abort", () => (arrivals.disconnect(), this.#list.replaceChildren()));
    this.#arrived();
    this.#draw();
  }

  /** Says to who does not see the tray what is new in it. */
  tell(words: string): void {
    this.#status.textContent = words;
  }

  /** Says in words why something that was chosen is not sent. */
  say(words: string): void {
    this.#problem.textContent = words;
    this.#problem.hidden = words === "";
  }

  #told(): Told[] {
    try {
      return JSON.parse(this.place.dataset.waiting ?? "[]") as Told[];
    } catch {
      return [];
    }
  }

  /** Progress comes in many small steps: it is drawn once a frame. */
  #soon(): void {
    if (this.#drawn) return;
    this.#drawn = true;
    requestAnimationFrame(() => {
      this.#drawn = false;
      this.#draw();
    });
  }

  #listed(): Upload[] {
    return this.uploads.list(this.thread).filter((upload) => !this.action || upload.action === this.action);
  }

  #arrived(): void {
    for (const upload of this.#listed()) if (one(`article[data-client-id="${CSS.escape(upload.id)}"][data-uid]`, this.log)) this.uploads.arrived(upload.id);
  }

  #draw(): void {
    const now = new Map(this.#listed().map((upload) => [upload.id, upload]));
    for (const item of all("li", this.#list)) if (!now.has(item.dataset.id ?? "")) this.#gone(item);
    for (const upload of now.values()) {
      let shown = one(`li[data-id="${CSS.escape(upload.id)}"]`, this.#list);
      if (shown?.dataset.phase === "pasted" && upload.phase !== "pasted") shown = this.#released(shown, upload);
      const item = shown ?? line(upload);
      if (!shown) this.#added(item);
      this.#stands(item, upload);
    }
    this.place.classList.toggle("some", now.size > 0);
  }

  /** What somebody sends is the newest of its thread: they look at its end, as after a text. */
  #added(item: HTMLElement): void {
    const frame = this.log.parentElement;
    const early = this.#early;
    this.#list.append(item);
    item.scrollIntoView({ block: "nearest" });
    if (!early) frame?.scrollTo({ top: frame.scrollHeight });
  }

  /** What is on its way may be a note, which its line says for good. */
  #released(item: HTMLElement, upload: Upload): HTMLElement {
    const fresh = line(upload);
    letGo(item);
    item.replaceWith(fresh);
    return fresh;
  }

  #gone(item: HTMLElement): void {
    const inside = item.contains(document.activeElement);
    letGo(item);
    item.remove();
    if (inside) (one("button", this.#list) ?? one("#body"))?.focus({ preventScroll: true });
  }

  #stands(item: HTMLElement, upload: Upload): void {
    const standing = one(".standing", item);
    const words = stateWords(upload);
    if (standing && upload.phase !== "pasted" && standing.textContent !== words) standing.textContent = words;
    progress(item, upload);
    if (item.dataset.phase === upload.phase) return;
    item.dataset.phase = upload.phase;
    standing?.classList.toggle("problem", upload.phase === "refused");
    const inside = item.contains(document.activeElement);
    one(".row", item)?.replaceChildren(...buttons(upload));
    if (inside) (one("button", item) ?? one("#body"))?.focus({ preventScroll: true });
    if (["refused", "held", "lost", "sent"].includes(upload.phase)) this.#status.textContent = `${upload.name}: ${words}`;
  }

  #click(event: Event): void {
    const pressed = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-tray]") : null;
    const { id, phase } = pressed?.closest<HTMLElement>("li")?.dataset ?? {};
    if (!pressed || !id) return;
    this.say("");
    if (phase === "pasted") this.tell("Removed. It was not sent.");
    if (pressed.dataset.tray === "again") this.uploads.again(id);
    else if (pressed.dataset.tray === "discard") void this.uploads.discard(id);
    else {
      this.#giving = id;
      this.#again.value = "";
      this.#again.click();
    }
  }

  #given(): void {
    const file = this.#again.files?.[0];
    if (file) this.say(this.uploads.give(this.#giving, file) ?? "");
  }
}
