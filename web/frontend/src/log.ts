// The log of one thread in the page: days, grouping, states, and putting fetched entries where they belong.
import { waitingWords } from "./cover.ts";
import { all, icon, make, one } from "./dom.ts";
import { type Facts, joined } from "./grouping.ts";
import type { Item } from "./outbox.ts";
import { dayName, dayOf, localTimes } from "./times.ts";

const STATES = ["sent", "delivered", "read"] as const;
export type State = (typeof STATES)[number];
const STATE_LOOK: Record<State, [string, string]> = {
  sent: ["check", "Sent"],
  delivered: ["check-check", "Delivered"],
  read: ["eye", "Read"],
};

/** Entries of the log in order, those on their way excluded. */
export function entries(log: HTMLElement): HTMLElement[] {
  return all("article[data-uid]", log);
}

/** Draws day lines in the reader's zone and joins what one person wrote in a row. */
export function arrange(log: HTMLElement): void {
  for (const line of all(".day", log)) line.remove();
  localTimes(log);
  const seconds = Number(log.dataset.togetherSeconds);
  let day = "";
  let previous: HTMLElement | null = null;
  for (const entry of all("article.entry", log)) {
    const at = entry.dataset.at ?? "";
    const today = dayOf(at);
    if (today !== day) {
      const line = make("h2", { class: "day" }, make("time", { datetime: at, "data-form": "day" }, dayName(new Date(at))));
      const before = entry.previousElementSibling?.classList.contains("fresh") ? entry.previousElementSibling : entry;
      before.before(line);
      day = today;
      previous = null;
    }
    const fresh = entry.previousElementSibling?.classList.contains("fresh") ?? false;
    entry.classList.toggle("follows", previous !== null && !fresh && joined(facts(previous), facts(entry), seconds));
    previous = entry;
  }
  quietStates(log);
}

function facts(entry: HTMLElement): Facts {
  return { kind: entry.dataset.kind ?? "", author: entry.dataset.author ?? "", at: Date.parse(entry.dataset.at ?? "") };
}

/** Only the newest own entry of each state shows its word; the earlier ones keep it for screen readers. */
function quietStates(log: HTMLElement): void {
  let shown = "";
  for (const entry of all("article.mine[data-uid]", log).reverse()) {
    const state = entry.dataset.state ?? "";
    entry.classList.toggle("stated", state === shown);
    shown = state;
  }
}

function setState(entry: HTMLElement, state: State, names: string[]): void {
  if (entry.dataset.state === state && entry.dataset.readBy === names.join(", ")) return;
  entry.dataset.state = state;
  entry.dataset.readBy = names.join(", ");
  const line = one(".state", entry);
  const [picture, word] = STATE_LOOK[state];
  const text = state === "read" && names.length > 1 ? `${word} by ${names.join(", ")}` : word;
  line?.replaceChildren(icon(picture), make("span", {}, text));
}

/** Puts the states of own entries in place. Marks move forward only, so an earlier entry is at least as far as a later one. */
export function applyStates(log: HTMLElement, states: Record<string, { state: State; read_by: string[] }>): void {
  let least = -1;
  for (const entry of all("article.mine[data-uid]", log).reverse()) {
    const told = states[entry.dataset.uid ?? ""];
    const rank = Math.max(least, STATES.indexOf((told?.state ?? entry.dataset.state ?? "sent") as State));
    setState(entry, STATES[rank] ?? "sent", told?.read_by ?? []);
    least = rank;
  }
  quietStates(log);
}

const NOT_DONE: Record<string, string> = { "text.correct": "Not corrected.", "text.retract": "Not taken back.", "text.react": "Not reacted." };

/** A message that is on its way; or what was refused, whatever it was. */
export function drawPending(item: Item, me: { name: string; uid: string }): HTMLElement {
  const refused = item.refused !== null;
  const words = NOT_DONE[item.action] ?? (item.held ? "" : "Not sent.");
  const state = refused
    ? make("p", { class: "state refused" }, icon("triangle-alert"), make("span", {}, `${words} ${item.refused}`.trim()))
    : make("p", { class: "state pending" }, icon("clock"), make("span", {}, waitingWords()));
  const note = item.action === "note.post";
  const article = make(
    "article",
    {
      class: `entry mine ${refused ? "refused" : "pending"}${note ? " internal" : ""}`,
      "data-client-id": item.id,
      "data-at": item.at,
      "data-author": me.uid,
      "data-kind": note ? "internal-note" : "text",
    },
    make(
      "header",
      {},
      make("span", { class: "author" }, me.name),
      make("time", { datetime: item.at, "data-form": "clock" }),
    ),
  );
  if (note) article.append(make("p", { class: "internal-mark" }, icon("lock"), make("span", {}, "Internal note, staff only")));
  article.append(make("div", { class: "body", dir: "auto" }, item.values.body ?? item.values.emojis ?? ""), state);
  if (refused) {
    const edit = make("button", { class: "button", type: "button", "data-do": "edit" }, "Edit");
    const discard = make("button", { class: "button", type: "button", "data-do": "discard" }, "Discard");
    const again = make("button", { class: "button main", type: "button", "data-do": "again" }, "Send again");
    article.append(make("div", { class: "row" }, ...(item.held ? [again] : []), ...(item.values.body === undefined ? [] : [edit]), discard));
  }
  return article;
}

/** Puts an entry that reads otherwise now in the place of the one on the page, with what the reader was doing there. Returns it, or null. */
function replace(log: HTMLElement, entry: HTMLElement): HTMLElement | null {
  const shown = one(`article[data-uid="${CSS.escape(entry.dataset.uid ?? "")}"]`, log);
  if (!shown) return null;
  const inside = shown.contains(document.activeElement);
  entry.classList.toggle("sought", shown.classList.contains("sought"));
  shown.replaceWith(entry);
  if (inside) one(".entry-menu > summary", entry)?.focus({ preventScroll: true });
  return shown;
}

export interface Arrived {
  added: HTMLElement[];
  /** The entries that took the place of others, each after the one that it replaced. */
  again: [HTMLElement, HTMLElement][];
}

/**
 * Puts fetched entries at the end; one of our own takes the place of its pending twin. One that is marked as changed takes the
 * place of itself, and is left out where the page does not hold it.
 */
export function append(log: HTMLElement, fetched: HTMLElement[], arrived: (clientId: string) => void): Arrived {
  const added: HTMLElement[] = [];
  const again: [HTMLElement, HTMLElement][] = [];
  for (const entry of fetched) {
    const { uid, clientId } = entry.dataset;
    if (!uid) continue;
    if (entry.dataset.again !== undefined) {
      const before = replace(log, entry);
      if (before) again.push([before, entry]);
      continue;
    }
    if (one(`article[data-uid="${CSS.escape(uid)}"]`, log)) continue;
    const place = one("article:is(.pending, .refused)", log);
    if (place) place.before(entry);
    else log.append(entry);
    if (clientId) {
      one(`article[data-client-id="${CSS.escape(clientId)}"]:not([data-uid])`, log)?.remove();
      arrived(clientId);
    }
    added.push(entry);
  }
  return { added, again };
}
