// Above the message box: the payment request that keeps this patient from writing, as the server tells it.
import htmx from "htmx.org";
import { all, one } from "./dom.ts";

export const HELD = "Answer the payment request above first. What you typed stays here.";

export function isHeld(root: ParentNode): boolean {
  const gate = one("#gate", root);
  return gate !== null && !gate.hidden;
}

const words = (gate: HTMLElement) => [gate.textContent, ...all<HTMLAnchorElement>("a", gate).map((link) => link.getAttribute("href"))].join(" ").replace(/\s+/g, " ");

/** Puts what holds now in place. What was typed, and where the reader is, stays as it was. */
export function placeGate(root: HTMLElement, fresh: Element | undefined): void {
  const shown = one("#gate", root);
  if (!shown || !(fresh instanceof HTMLElement) || fresh.id !== "gate") return;
  if (words(shown) !== words(fresh)) {
    const inside = shown.contains(document.activeElement);
    // The part itself stays: what comes into a status that is there already is read out.
    shown.dataset.held = fresh.dataset.held ?? "";
    shown.hidden = fresh.hidden;
    shown.replaceChildren(...fresh.childNodes);
    htmx.process(shown);
    if (inside) one("#body", root)?.focus({ preventScroll: true });
  }
  const held = isHeld(root);
  if (root.classList.toggle("held", held) !== held) return;
  const send = one(".send", root);
  if (held) send?.setAttribute("aria-disabled", "true");
  else send?.removeAttribute("aria-disabled");
  const note = one("#compose-note", root);
  if (!held && note?.textContent === HELD) note.hidden = true;
}
