// Files that are kept and sent to nobody: one's own handouts, one's photo. They come in by the same way as those of a thread, and what shows them is drawn anew.
import htmx from "htmx.org";
import { all, make, one, parse, settled } from "./dom.ts";
import { on } from "./events.ts";
import { getFragments } from "./http.ts";
import { live } from "./live.ts";
import { localTimes } from "./times.ts";
import { Tray } from "./tray.ts";
import type { Uploads } from "./uploads.ts";

/** Uploads that are for no thread name none. */
const NO_THREAD = "";

/** Puts what a page shows now in the place of what it showed. The tray stays as it is: what was refused is still to be read. */
type Refresh = (page: Element, fresh: Element) => void;

const REFRESH: Record<string, Refresh> = {
  "file.begin_handout": (page, fresh) => {
    const listed = ".folder-bar ~ *";
    for (const part of all(listed, page)) part.remove();
    page.append(...all(listed, fresh));
  },
  // What is typed beside it stays.
  "practitioner.begin_photo": (page, fresh) => {
    for (const part of [".photo-now", "[data-choose] span"]) {
      const now = one(part, fresh);
      if (now) one(part, page)?.replaceChildren(...now.childNodes);
    }
  },
};

/** Wires the part of a page that adds such files. root: names the action that announces them. Returns what ends it. */
export function mountAdding(root: HTMLElement, uploads: Uploads): AbortController {
  const over = new AbortController();
  const { signal } = over;
  const [button, files, place] = [one<HTMLButtonElement>("[data-choose]", root), one<HTMLInputElement>("input[type=file]", root), one(".tray", root)];
  const action = root.dataset.adds ?? "";
  const [page, refresh] = [root.parentElement, REFRESH[action]];
  if (!button || !files || !place || !page || !refresh) return over;
  new Tray(place, make("div"), uploads, NO_THREAD, signal, action);
  button.hidden = false;
  button.addEventListener("click", () => files.click(), { signal });
  files.addEventListener(
    "change",
    () => {
      for (const file of files.files ?? []) uploads.add(NO_THREAD, action, file, file.name, file.type, {});
      files.value = "";
    },
    { signal },
  );
  let [due, looking] = [false, false];
  const look = async () => {
    if (!due || looking || signal.aborted) return;
    [due, looking] = [false, true];
    try {
      // A form that came back with a refusal stands at another address than its page.
      const { html } = await getFragments(root.dataset.page ?? location.pathname + location.search);
      const fresh = parse(html).map((part) => one(`[data-adds="${CSS.escape(action)}"]`, part)).find((part) => part !== null)?.parentElement;
      if (!fresh || signal.aborted) return;
      refresh(page, fresh);
      localTimes(page);
      htmx.process(page);
    } catch (error) {
      due = true;
      live.missed(error); // looks again by itself
      return;
    } finally {
      looking = false;
    }
    soon();
  };
  const soon = settled(() => void look(), 100);
  on("sent", (sent) => sent.thread === NO_THREAD && ((due = true), soon()), signal);
  on("look", soon, signal);
  return over;
}
