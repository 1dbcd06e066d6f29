// Files that were pasted: who pastes has not looked at them yet, so they wait above the message box until Send, which sends them after the text beside them.
import { type Folder, askFolder, isNote } from "./choosing.ts";
import { one } from "./dom.ts";
import type { Values } from "./outbox.ts";
import type { Upload } from "./upload.ts";
import type { Uploads } from "./uploads.ts";

export class Pasted {
  #asks = false;

  constructor(
    readonly root: HTMLElement,
    readonly uploads: Uploads,
  ) {}

  get #thread(): string {
    return this.root.dataset.thread ?? "";
  }

  get #files(): Upload[] {
    return this.uploads.list(this.#thread).filter((upload) => upload.phase === "pasted");
  }

  get #folders(): Folder[] {
    return JSON.parse(one("#tray", this.root)?.dataset.folders ?? "[]") as Folder[];
  }

  /** How many wait for Send. */
  get many(): number {
    return this.#files.length;
  }

  hold(files: File[]): void {
    for (const file of files) this.uploads.hold(this.#thread, "file.begin", file, file.name, file.type);
  }

  /**
   * Sends what waits as the frame around the message box says, once it is known whose it is: calls `first`, then sends the files.
   * Whoever gives the question up sends nothing.
   */
  async send(form: HTMLElement, signal: AbortSignal, first: () => void): Promise<void> {
    if (this.#asks) return;
    const [files, note, values] = [this.#files, isNote(form), {} as Values];
    if (note) values.note = "1";
    else if (this.#folders.length > 0) {
      this.#asks = true;
      const folder = await askFolder(files, this.#folders).finally(() => (this.#asks = false));
      // What became a note meanwhile, in another tab, was not asked for.
      if (folder === null || signal.aborted || isNote(form)) return;
      values.folder = folder;
    }
    first();
    for (const file of files) this.uploads.release(file.id, values);
  }
}
