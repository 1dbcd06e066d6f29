// What navigation brings: a page of ours is put in place; anything else (a proxy's error page, a captive portal's) changes
// nothing, so that the next try finds the page whole, and the line says that it was in vain.
import { live } from "./live.ts";

/** The parts of htmx's events that matter here. */
interface Swap {
  shouldSwap: boolean;
  serverResponse: string;
  target: Element;
}

interface Restore {
  xhr: XMLHttpRequest;
  response: string;
  swapSpec: { swapStyle: string; ignoreTitle?: boolean };
}

function holds(html: string, id: string): boolean {
  return new DOMParser().parseFromString(html, "text/html").getElementById(id) !== null;
}

function on<T>(name: string, work: (detail: T) => void): void {
  document.body.addEventListener(`htmx:${name}`, (event) => work((event as CustomEvent<T>).detail));
}

/** Links, forms and the search: the answer must hold what it is to replace, or htmx would put nothing in its place. */
function arrived(swap: Swap): void {
  if (!swap.shouldSwap) return;
  swap.shouldSwap = holds(swap.serverResponse, swap.target.id);
  if (swap.shouldSwap) live.answered();
  else live.unanswered();
}

/** The browser's "back": htmx would put any answer into #main. */
function wentBack(restore: Restore): void {
  if (holds(restore.response, "main")) {
    live.answered();
    return;
  }
  Object.assign(restore.swapSpec, { swapStyle: "none", ignoreTitle: true });
  live.unanswered();
}

/** The browser's "back" to what is not there any more: the page that says so comes whole. */
function nothingThere({ xhr }: Restore): void {
  if (holds(xhr.responseText, "main")) location.reload();
  else live.unanswered();
}

/** Wires it once. */
export function watchAnswers(): void {
  const inVain = () => live.unanswered();
  on("beforeSwap", arrived);
  on("sendError", inVain);
  on("historyCacheMiss", ({ xhr }: Restore) => xhr.addEventListener("error", inVain));
  on("historyCacheMissLoad", wentBack);
  on("historyCacheMissLoadError", nothingThere);
}
