// The page's script: boosted navigation in a shell that stays, and on it the live feed, the outbox, the list and the open thread.
import htmx from "htmx.org";
import { mountAdding } from "./adding.ts";
import { watchAnswers } from "./answers.ts";
import { coverList } from "./cover.ts";
import { one } from "./dom.ts";
import { startDue } from "./due.ts";
import { tell } from "./events.ts";
import { type FilmMaker, mountFilm, unsentFilms } from "./film.ts";
import { mountFormDrafts } from "./formdrafts.ts";
import { mountFiles, startPictures } from "./files.ts";
import { accountHeader } from "./http.ts";
import { askBeforeClosing, settleLeaving, watchClosing } from "./leaving.ts";
import { startList } from "./list.ts";
import { live } from "./live.ts";
import { startMenus } from "./menus.ts";
import { followAddress, mountHeader, mountPieces } from "./pieces.ts";
import type { Outbox } from "./outbox.ts";
import { Pasted } from "./pasted.ts";
import { mountPaying } from "./paying.ts";
import { startPlayers } from "./player.ts";
import { startQuiet } from "./quiet.ts";
import { startLater } from "./schedule.ts";
import { keepSession, startOutbox } from "./sender.ts";
import { startShortcuts } from "./shortcuts.ts";
import { watchPresses } from "./still.ts";
import { OpenThread } from "./thread.ts";
import { localTimes } from "./times.ts";
import { startUploads } from "./uploader.ts";
import type { Uploads } from "./uploads.ts";
import { startDuty } from "./urgent.ts";
import { unsentVoice } from "./voice.ts";

const { account, care, signedOut } = document.body.dataset;
let outbox: Outbox | null = null;
let uploads: Uploads | null = null;
let open: OpenThread | null = null;
let files: AbortController | null = null;
let film: FilmMaker | null = null;

/** Brings to life what is in #main now. */
function mount(): void {
  open?.close();
  files?.abort();
  film?.close();
  open = files = film = null;
  const main = one("#main");
  if (!main) return;
  localTimes(main);
  mountPieces(main);
  mountFormDrafts(main, account ?? "");
  mountPaying(main);
  followAddress();
  const root = one(".thread[data-thread]", main);
  const pasted = root && uploads ? new Pasted(root, uploads) : null;
  if (root && outbox) open = new OpenThread(root, outbox, pasted);
  if (root && uploads && pasted) files = mountFiles(root, uploads, pasted);
  if (uploads) film = mountFilm(main, uploads);
  const adding = one("[data-adds]", main);
  if (adding && uploads) files = mountAdding(adding, uploads);
  live.open(open?.uid ?? null);
}

function go(path: string): void {
  const link = one<HTMLAnchorElement>(`.rows a[href="${CSS.escape(path)}"]`);
  if (link) link.click();
  else location.assign(path);
}

/** A page that could not be drawn for anybody says nothing of who is signed in. */
function settle(): void {
  settleLeaving(account ?? (signedOut ? "" : null));
}

watchPresses();
settle();
// A log-out that got no answer, and the way back to this page as it was left.
addEventListener("pageshow", (event) => event.persisted && settle());
if (account) keepSession();
if (account && care) {
  outbox = startOutbox(account);
  uploads = startUploads(account);
}
const recorded = () => unsentVoice() + unsentFilms();
askBeforeClosing(() => recorded() > 0);
watchClosing();
mountHeader(account ?? "", () => (outbox?.waiting() ?? 0) + (uploads?.running() ?? 0) + recorded());
watchAnswers();
startMenus();
startPlayers();
startPictures();
startQuiet();
mount();
if (account && care) {
  coverList();
  live.start();
  startDuty(account);
  startLater();
  startShortcuts();
  startDue();
  startList(account, (thread) => open?.uid === thread && open.watched, go);
}

document.body.addEventListener("htmx:afterSettle", (event) => {
  if ((event as CustomEvent<{ target?: Element }>).detail.target?.id !== "main" && event.target !== one("#main")) return;
  mount();
  if (outbox) tell("threads", null);
  // A form that comes back with a field to go on in keeps it: whoever types at once would lose their words.
  const main = one("#main");
  if (!open && !main?.contains(document.activeElement)) main?.focus({ preventScroll: true });
});
document.body.addEventListener("htmx:historyRestore", mount);
// What htmx asks for says whose page it is, too: another person's page is loaded whole, not into this one's header.
document.body.addEventListener("htmx:configRequest", (event) => {
  Object.assign((event as CustomEvent<{ headers: Record<string, string> }>).detail.headers, accountHeader());
});
// What the search finds is put into the page beside #main's own life.
document.body.addEventListener("htmx:load", (event) => {
  if (!(event.target instanceof Element)) return;
  if (event.target !== document.body) localTimes(event.target);
  // Who types at once is faster than a search box that has just come with a form: what stands in it by now is looked for.
  for (const box of event.target.querySelectorAll<HTMLInputElement>("input[hx-trigger$=typed]")) {
    if (box.value !== box.defaultValue) box.dispatchEvent(new Event("typed"));
  }
});

export { htmx };
