// The page of one payment: looks again while something is awaited, until it can be paid, is paid, or has failed.
import htmx from "htmx.org";
import { covered } from "./cover.ts";
import { one, parse } from "./dom.ts";
import { on } from "./events.ts";
import { getFragments, post } from "./http.ts";
import { live } from "./live.ts";
import { localTimes } from "./times.ts";

const SOON_MS = 2_000;
const LATER_MS = 10_000;
// Who comes back without having paid gets the button again; should the card service report it later, it shows all the same.
const CHECK_MS = 20_000;
const FINAL = new Set(["rejected", "withdrawn", "refunded"]);

/** Keeps the payment on this page current, until the page is another one. */
export function mountPaying(root: ParentNode): void {
  const began = Date.now();
  const over = new AbortController();
  const shown = () => one(".paying", root);
  if (!shown()) return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let busy = false;

  function next(): void {
    clearTimeout(timer);
    const card = shown();
    if (!card?.isConnected) return over.abort();
    const { way, checking, state } = card.dataset;
    if (FINAL.has(state ?? "")) return;
    const soon = (checking !== undefined || way === "preparing") && Date.now() - began < 60_000;
    timer = setTimeout(() => void look(), soon ? SOON_MS : LATER_MS);
  }

  async function look(): Promise<void> {
    const card = shown();
    if (busy || covered() || document.visibilityState === "hidden" || !card?.isConnected) return next();
    busy = true;
    try {
      const still = card.dataset.checking !== undefined && Date.now() - began < CHECK_MS;
      const { html } = await getFragments(`/payments/${card.dataset.payment ?? ""}/state${still ? "?back=1" : ""}`);
      place(card, parse(html)[0]);
    } catch (error) {
      live.missed(error);
    } finally {
      busy = false;
      next();
    }
  }

  function place(card: HTMLElement, fresh: Element | undefined): void {
    if (!(fresh instanceof HTMLElement) || !card.isConnected) return;
    localTimes(fresh);
    if (card.textContent === fresh.textContent && card.dataset.way === fresh.dataset.way) return;
    const inside = card.contains(document.activeElement);
    card.replaceChildren(...fresh.childNodes);
    for (const { name } of [...card.attributes]) if (name.startsWith("data-") && !fresh.hasAttribute(name)) card.removeAttribute(name);
    for (const { name, value } of fresh.attributes) card.setAttribute(name, value);
    htmx.process(card);
    if (inside) one(".button", card)?.focus({ preventScroll: true });
  }

  const { payment, thread, checking } = shown()?.dataset ?? {};
  // Back from the card service: the clinic asks it now, once.
  if (checking !== undefined) post(`/actions/payment.check/${thread ?? ""}`, { request: payment }).catch((error: unknown) => live.missed(error));
  on("news", (news) => news.thread === thread && void look(), over.signal);
  document.addEventListener("visibilitychange", () => void look(), { signal: over.signal });
  next();
}
