// The menu of one entry: what the script does in place of the links and forms that stand there.
import { aboutOf, chosen } from "./about.ts";
import type { Composer } from "./composer.ts";
import { one } from "./dom.ts";

const SURE = "Take this message back? It disappears for everybody; the clinic's record keeps it.";
const SURE_FILE =
  "Take this file back? It disappears for everybody: here, in Images & Documents and wherever it was sent on. The clinic's record keeps it sealed. " +
  "For 30 days you can send it to the right place without uploading it again: choose the folder beside the message box there.";

/** A menu near the edge of what is seen is opened whole. */
export function watchMenus(log: HTMLElement, signal: AbortSignal): void {
  const opened = (event: Event) => {
    const menu = event.target;
    if (menu instanceof HTMLDetailsElement && menu.open) one(".menu", menu)?.scrollIntoView({ block: "nearest" });
  };
  log.addEventListener("toggle", opened, { signal, capture: true });
}

/** Does what was chosen for an entry; what the script knows nothing of stays a link or a form. */
export function useMenu(
  event: Event,
  what: HTMLElement,
  article: HTMLElement,
  add: (action: string, values: Record<string, string>) => void,
  composer: Composer | null,
): void {
  const entry = article.dataset.uid ?? "";
  const does: Record<string, () => void> = {
    react: () => add("text.react", { entry, emojis: chosen(article, what.dataset.emoji ?? "") }),
    retract: () => {
      const isFile = ["file", "voice", "video"].includes(article.dataset.kind ?? "");
      if (confirm(isFile ? SURE_FILE : SURE)) add("text.retract", { entry });
    },
    reply: () => composer?.reply(aboutOf(article)),
    correct: () => composer?.correct(aboutOf(article)),
  };
  const work = does[what.dataset.do ?? ""];
  if (!work) return;
  event.preventDefault();
  event.stopPropagation();
  const menu = what.closest<HTMLDetailsElement>("details");
  if (menu) {
    menu.open = false;
    one("summary", menu)?.focus({ preventScroll: true });
  }
  work();
}
