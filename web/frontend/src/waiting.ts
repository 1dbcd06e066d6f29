// What is on its way in this thread: messages are drawn below the log's entries until each comes back as one; what changes an
// entry is shown at that entry, and below only where it was refused.
import { all, one } from "./dom.ts";
import { drawPending } from "./log.ts";
import type { Item, Outbox } from "./outbox.ts";

const MESSAGES = new Set(["text.post", "note.post"]);

/** Whether it has a line of its own while it is on its way. */
function hasLine(item: Item): boolean {
  return MESSAGES.has(item.action) || item.refused !== null;
}

/** What the change of an entry that waits will do. */
function waitsFor(item: Item): string {
  if (item.action === "text.correct") return `Waits to be sent: correction to “${item.values.body ?? ""}”`;
  return item.action === "text.retract" ? "Waits to be sent: taking this back" : "Waits to be sent: your reaction";
}

export class Waiting {
  constructor(
    readonly log: HTMLElement,
    readonly outbox: Outbox,
    readonly me: { thread: string; name: string; uid: string },
  ) {}

  /** Draws all of them anew. */
  draw(): void {
    for (const pending of all("article:is(.pending, .refused):not([data-uid])", this.log)) pending.remove();
    for (const item of this.outbox.items(this.me.thread)) {
      if (one(`article[data-client-id="${CSS.escape(item.id)}"][data-uid]`, this.log)) this.outbox.remove(this.me.thread, item.id);
      else if (hasLine(item)) this.log.append(drawPending(item, this.me));
    }
    this.#mark();
  }

  /** Dims what is being changed; what takes longer than a moment is said in words (styles/entries.css shows them). */
  #mark(): void {
    const targets = new Map(this.outbox.items(this.me.thread).filter((item) => !hasLine(item)).map((item) => [item.values.entry, waitsFor(item)]));
    for (const entry of all("article[data-uid]", this.log)) {
      const words = targets.get(entry.dataset.uid ?? "");
      entry.classList.toggle("changing", words !== undefined);
      if (words) entry.dataset.waits = words;
      else delete entry.dataset.waits;
    }
  }

  /** Draws what is new or changed. Returns whether one has left the outbox and its entry is not here yet. */
  redraw(): boolean {
    this.#mark();
    const items = new Map(this.outbox.items(this.me.thread).filter(hasLine).map((item) => [item.id, item]));
    for (const [id, item] of items) {
      const shown = one(`article[data-client-id="${CSS.escape(id)}"]`, this.log);
      if (!shown) this.log.append(drawPending(item, this.me));
      else if (!shown.dataset.uid && shown.classList.contains("refused") !== (item.refused !== null)) shown.replaceWith(drawPending(item, this.me));
    }
    for (const shown of all("article.refused:not([data-uid])", this.log)) if (!items.has(shown.dataset.clientId ?? "")) shown.remove();
    return all("article.pending", this.log).some((shown) => !items.has(shown.dataset.clientId ?? ""));
  }
}
