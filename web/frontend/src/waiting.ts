// The messages of this thread that are on their way, drawn below the log's entries until each comes back as one.
import { all, one } from "./dom.ts";
import { drawPending } from "./log.ts";
import type { Outbox } from "./outbox.ts";

export class Waiting {
  constructor(
    readonly log: HTMLElement,
    readonly outbox: Outbox,
    readonly me: { thread: string; name: string; uid: string },
  ) {}

  /** Draws all of them anew. */
  draw(): void {
    for (const pending of all("article:is(.pending, .refused)", this.log)) pending.remove();
    for (const item of this.outbox.items(this.me.thread)) {
      if (one(`article[data-client-id="${CSS.escape(item.id)}"][data-uid]`, this.log)) this.outbox.remove(this.me.thread, item.id);
      else this.log.append(drawPending(item, this.me));
    }
  }

  /** Draws what is new or changed. Returns whether one has left the outbox and its entry is not here yet. */
  redraw(): boolean {
    const items = new Map(this.outbox.items(this.me.thread).map((item) => [item.id, item]));
    for (const [id, item] of items) {
      const shown = one(`article[data-client-id="${CSS.escape(id)}"]`, this.log);
      if (!shown) this.log.append(drawPending(item, this.me));
      else if (!shown.dataset.uid && shown.classList.contains("refused") !== (item.refused !== null)) shown.replaceWith(drawPending(item, this.me));
    }
    for (const shown of all("article.refused", this.log)) if (!items.has(shown.dataset.clientId ?? "")) shown.remove();
    return all("article.pending", this.log).some((shown) => !items.has(shown.dataset.clientId ?? ""));
  }
}
