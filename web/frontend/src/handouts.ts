// The page of one's own handouts: files that are kept for many patients come in by the same way as those of a thread.
import { make, one } from "./dom.ts";
import { on } from "./events.ts";
import { Tray } from "./tray.ts";
import type { Phase } from "./upload.ts";
import type { Uploads } from "./uploads.ts";

/** Uploads for a folder name no thread. */
const FOLDER = "";
const ENDED: ReadonlySet<Phase> = new Set(["sent", "refused", "held"]);

/** Wires the part that adds handouts. Returns what ends it. */
export function mountHandouts(root: HTMLElement, uploads: Uploads): AbortController {
  const over = new AbortController();
  const { signal } = over;
  const [button, files, place] = [one<HTMLButtonElement>("#handout-button", root), one<HTMLInputElement>("#handout-files", root), one("#handout-tray", root)];
  if (!button || !files || !place) return over;
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
  // What is kept stands in the folder below.
  const settled = () => uploads.list(FOLDER).every((upload) => ENDED.has(upload.phase));
  on("sent", (sent) => sent.thread === FOLDER && settled() && location.reload(), signal);
  return over;
}
