// The page of one's own handouts: files that are kept for many patients come in by the same way as those of a thread.
import htmx from "htmx.org";
import { all, make, one, parse, settled } from "./dom.ts";
import { on } from "./events.ts";
import { getFragments } from "./http.ts";
import { live } from "./live.ts";
import { localTimes } from "./times.ts";
import { Tray } from "./tray.ts";
import type { Uploads } from "./uploads.ts";

/** Uploads for a folder name no thread. */
const FOLDER = "";
const LISTED = ".folder-bar ~ *";

/** Puts what the folder holds now below its bar. The tray stays as it is: what was refused is still to be read. */
async function refresh(page: Element, signal: AbortSignal): Promise<void> {
  const { html } = await getFragments(location.pathname + location.search);
  const fresh = parse(html).map((part) => one(".folder-bar", part)).find((bar) => bar !== null)?.parentElement;
  if (!fresh || signal.aborted) return;
  for (const part of all(LISTED, page)) part.remove();
  page.append(...all(LISTED, fresh));
  localTimes(page);
  htmx.process(page);
}

/** Wires the part that adds handouts. Returns what ends it. */
export function mountHandouts(root: HTMLElement, uploads: Uploads): AbortController {
  const over = new AbortController();
  const { signal } = over;
  const [button, files, place] = [one<HTMLButtonElement>("#handout-button", root), one<HTMLInputElement>("#handout-files", root), one("#handout-tray", root)];
  const page = root.parentElement;
  if (!button || !files || !place || !page) return over;
  new Tray(place, make("div"), uploads, FOLDER, signal);
  button.hidden = false;
  button.addEventListener("click", () => files.click(), { signal });
  files.addEventListener(
    "change",
    () => {
      for (const file of files.files ?? []) uploads.add(FOLDER, "file.begin_handout", file, file.name, file.type, {});
      files.value = "";
    },
    { signal },
  );
  let due = false;
  const look = async () => {
    if (!due || signal.aborted) return;
    due = false;
    await refresh(page, signal).catch((error: unknown) => {
      due = true;
      live.missed(error); // looks again by itself
    });
  };
  const soon = settled(() => void look(), 100);
  on("sent", (sent) => sent.thread === FOLDER && ((due = true), soon()), signal);
  on("look", soon, signal);
  return over;
}
