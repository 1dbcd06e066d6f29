// Files that somebody wants to send: chosen with the button, dropped onto the thread, or pasted; and whose they are where staff have to say it.
import { openDialog } from "./ask.ts";
import { icon, make, one } from "./dom.ts";
import type { Pasted } from "./pasted.ts";
import type { Tray } from "./tray.ts";
import type { Uploads } from "./uploads.ts";

export interface Folder {
  uid: string;
  name: string;
  born: string;
}

const FOLDER = "A folder cannot be sent as one. Open it and choose the files in it.";

/** Whether what is sent now is for staff only, as the frame around the message box says. */
export function isNote(form: HTMLElement): boolean {
  return form.classList.contains("internal");
}

/** Asks whose Images & Documents the files belong to: nothing is chosen beforehand. Returns a uid, or null when it was given up. */
export function askFolder(files: { name: string }[], folders: Folder[]): Promise<string | null> {
  const named = files.slice(0, 3).map((file) => file.name).join(", ") + (files.length > 3 ? ` and ${files.length - 3} more` : "");
  const options = folders.map((folder) =>
    make("label", { class: "choice" }, make("input", { type: "radio", name: "folder", value: folder.uid, required: true }), make("span", {}, folder.name, ...(folder.born ? [" ", make("span", { class: "soft small" }, folder.born)] : []))),
  );
  return new Promise((resolve) => {
    const legend = make("legend", {}, "Whose Images & Documents ", files.length === 1 ? "does it belong to?" : "do they belong to?");
    const { dialog, form } = openDialog(files.length === 1 ? "Send a file" : `Send ${files.length} files`, "Send", make("p", { class: "soft", dir: "auto" }, named), make("fieldset", {}, legend, ...options));
    let chosen: string | null = null;
    form.addEventListener("submit", () => (chosen = new FormData(form).get("folder") as string | null));
    dialog.addEventListener("close", () => resolve(chosen));
  });
}

function dropArea(): HTMLElement {
  const words = make("p", { class: "as-message" }, "Drop to send in this thread");
  const note = make("p", { class: "as-note" }, icon("lock"), "Drop to add as an internal note, staff only");
  return make("div", { class: "drop-here", hidden: true, "aria-hidden": "true" }, icon("cloud-upload"), words, note);
}

const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;

function isFolder(item: DataTransferItem): boolean {
  return item.kind === "file" && (item.webkitGetAsEntry?.()?.isDirectory ?? false);
}

export interface Choosing {
  root: HTMLElement;
  form: HTMLFormElement;
  tray: Tray;
  uploads: Uploads;
  pasted: Pasted;
  thread: string;
  signal: AbortSignal;
}

/** What is said once something waits for Send. */
function waitingWords(names: string[], many: number, form: HTMLElement): string {
  const what = many > 1 ? `${many} files wait` : `${names[0] ?? "A file"} waits`;
  const [it, send] = [many > 1 ? "them" : "it", isNote(form) ? "Add note" : "Send"];
  return `${what} above the message box. ${send} sends ${it}; ${it} can be removed before.`;
}

/** Wires the button, the drop area and the clipboard of an open thread. */
export function startChoosing({ root, form, tray, uploads, pasted, thread, signal }: Choosing): void {
  const folders = JSON.parse(tray.place.dataset.folders ?? "[]") as Folder[];

  async function take(files: File[]): Promise<void> {
    if (files.length === 0) return;
    const values: Record<string, string> = {};
    if (isNote(form)) values.note = "1";
    else if (folders.length > 0) {
      const folder = await askFolder(files, folders);
      if (folder === null) return;
      values.folder = folder;
    }
    tray.say("");
    for (const file of files) uploads.add(thread, "file.begin", file, file.name, file.type, values);
  }

  const input = one<HTMLInputElement>("#upload-files", form);
  one("#upload-button", form)?.addEventListener("click", () => input?.click(), { signal });
  input?.addEventListener(
    "change",
    () => {
      const files = [...(input.files ?? [])];
      input.value = "";
      void take(files);
    },
    { signal },
  );
  one("#body", form)?.addEventListener(
    "paste",
    (event) => {
      // What an office program copies is text and a picture of it: then the text is meant.
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length === 0 || event.clipboardData?.getData("text/plain")) return;
      event.preventDefault();
      tray.say("");
      pasted.hold(files);
      tray.tell(waitingWords(files.map((file) => file.name), pasted.many, form));
    },
    { signal },
  );
  watchDrops(root, form, signal, (files, folder) => {
    void take(files).then(() => folder && tray.say(FOLDER));
  });
}

function watchDrops(root: HTMLElement, form: HTMLElement, signal: AbortSignal, dropped: (files: File[], folder: boolean) => void): void {
  const area = dropArea();
  root.append(area);
  signal.addEventListener("abort", () => area.remove());
  const show = (on: boolean) => {
    area.hidden = !on;
    area.classList.toggle("internal", isNote(form));
  };
  // Beside the thread a browser would open the file in place of the page.
  addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault(), { signal });
  addEventListener("drop", (event) => carriesFiles(event) && (event.preventDefault(), show(false)), { signal });
  root.addEventListener("dragenter", (event) => carriesFiles(event) && show(true), { signal });
  root.addEventListener("dragleave", (event) => (!(event.relatedTarget instanceof Node) || !root.contains(event.relatedTarget)) && show(false), { signal });
  root.addEventListener(
    "drop",
    (event) => {
      if (!carriesFiles(event) || !event.dataTransfer) return;
      const items = [...event.dataTransfer.items];
      const files = items.filter((item) => item.kind === "file" && !isFolder(item)).map((item) => item.getAsFile());
      dropped(files.filter((file) => file !== null), items.some(isFolder));
    },
    { signal },
  );
}
