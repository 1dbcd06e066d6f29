// The list of threads: drawn by the server, fetched again when something changed; it also feeds the title count and the alerts.
import { alertOf, claim, titleCount } from "./alerts.ts";
import { covered } from "./cover.ts";
import { all, one, parse, settled } from "./dom.ts";
import { on } from "./events.ts";
import { getFragments } from "./http.ts";
import { live } from "./live.ts";
import { localTimes } from "./times.ts";
import { type Row, tellsNews } from "./unread.ts";
import { hearUrgent } from "./urgent.ts";

const HIDDEN_WAIT_MS = 1_000;

/** Starts for the life of the page; `isOpen` says whether the reader has this thread before the eyes. */
export function startList(account: string, isOpen: (thread: string) => boolean, go: (path: string) => void): void {
  let known: Map<string, Row> | null = null;
  let busy = false;
  let again = false;
  let upto = Number(one(".rows")?.dataset.upto ?? 0);

  /** A tab in the background leaves time to one in which the person is just reading it. */
  function tellOf(thread: string, row: Row): void {
    const wait = document.visibilityState === "hidden" ? HIDDEN_WAIT_MS : 0;
    setTimeout(() => alertOf(account, thread, row.stamp, row.who, () => go(`/threads/${thread}`)), wait);
  }

  /** Reads the rows, or where the list is narrowed the unseen ones that tell of all threads. */
  function read(list: HTMLElement, heard: Element | null | undefined): void {
    const rows = all("li[data-thread]", heard ?? list);
    const now = new Map<string, Row>();
    for (const row of rows) {
      now.set(row.dataset.thread ?? "", {
        unread: Number(row.dataset.unread ?? 0),
        stamp: row.dataset.stamp ?? "",
        who: row.dataset.who ?? "",
        mine: row.dataset.mine === "1",
        muted: row.dataset.muted === "1",
      });
    }
    const oldest = known ? [...known.values()].reduce((least, row) => (row.stamp < least ? row.stamp : least), "~") : "";
    for (const [thread, row] of now) {
      const grew = known !== null && tellsNews(row, known.get(thread), oldest === "~" ? "" : oldest);
      if (grew && isOpen(thread)) claim(account, thread, row.stamp);
      else if (grew && !row.muted) tellOf(thread, row);
    }
    known = now;
    titleCount(Number(list.dataset.unreadAll ?? 0));
  }

  async function refresh(): Promise<void> {
    if (covered()) return;
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      const shown = one(".rows");
      const open = one(".thread")?.dataset.thread ?? "";
      const { html } = await getFragments(`/threads/list?open=${encodeURIComponent(open)}&upto=${upto}`);
      const [fresh, heard] = parse(html);
      if (!(fresh instanceof HTMLElement)) return;
      localTimes(fresh);
      read(fresh, heard);
      hearUrgent(account, fresh, go);
      if (shown?.isConnected) place(shown, fresh);
    } catch (error) {
      live.missed(error);
    } finally {
      busy = false;
      if (again) {
        again = false;
        void refresh();
      }
    }
  }

  // A little later than the open thread, whose entries matter more.
  const soon = settled(() => void refresh(), 250);
  on("news", soon);
  on("threads", soon);
  on("look", soon);
  on("sent", soon);
  on("marks", soon);
  // What was there before the page came is no news: a page without the list learns of it first.
  const list = one(".rows");
  if (list) read(list, one(".heard"));
  else soon();
  hearUrgent(account, document, go);
  document.addEventListener("click", (event) => {
    const more = event.target instanceof Element ? event.target.closest<HTMLElement>(".rows .more a[data-upto]") : null;
    if (!more) return;
    event.preventDefault();
    event.stopPropagation();
    upto = Number(more.dataset.upto);
    more.textContent = "Loading more…";
    void refresh();
  }, true);
}

/** Puts the fresh rows in place and keeps scroll position and keyboard focus. */
function place(shown: HTMLElement, fresh: HTMLElement): void {
  if (shown.innerHTML === fresh.innerHTML) return;
  const focused = shown.contains(document.activeElement) ? document.activeElement?.getAttribute("href") : null;
  shown.replaceChildren(...fresh.childNodes);
  if (focused) one(`a[href="${CSS.escape(focused)}"]`, shown)?.focus({ preventScroll: true });
}
