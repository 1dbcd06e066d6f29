// The head of an open thread (title, members) and what keeps its reader from writing, drawn by the server and fetched again when either changes.
import htmx from "htmx.org";
import { all, one, parse } from "./dom.ts";
import { placeGate } from "./gate.ts";
import { getFragments } from "./http.ts";

const words = (header: HTMLElement) => (header.textContent ?? "").replace(/\s+/g, " ").trim();

/** Puts the thread's present head in place, unless it says the same. Throws Refused or Unreachable. */
export async function refreshHead(root: HTMLElement, signal: AbortSignal): Promise<void> {
  const { html } = await getFragments(`/threads/${root.dataset.thread ?? ""}/head`);
  const [fresh, gate] = parse(html);
  const shown = one(":scope > header", root);
  if (signal.aborted) return;
  placeGate(root, gate);
  if (!shown || !(fresh instanceof HTMLElement) || words(shown) === words(fresh)) return;
  const focused = shown.contains(document.activeElement) ? document.activeElement : null;
  const again = focused?.id ? `#${focused.id}` : focused?.tagName.toLowerCase();
  // A menu that somebody has just opened stays open.
  for (const summary of all("details[open] > summary[id]", shown)) one(`#${summary.id}`, fresh)?.parentElement?.setAttribute("open", "");
  shown.replaceWith(fresh);
  htmx.process(fresh);
  if (again) one(again, fresh)?.focus({ preventScroll: true });
}
