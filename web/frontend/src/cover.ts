// Signed out elsewhere, or closed by the clinic: what a person may no longer read leaves the screen at once.
import { all, icon, make, one } from "./dom.ts";
import { on } from "./events.ts";

const WORDS = "Sign in again to read on; what you typed is kept.";

/** Whether this page is covered: it has no session any more. */
export function covered(): boolean {
  return document.documentElement.dataset.live === "signed-out";
}

/** Why a message has not left yet. */
export function waitingWords(): string {
  return covered() ? "Waits until you sign in" : "Sending…";
}

const GONE = "This thread is not open to you any more: you left it, were removed from it, or it was closed.";

function note(tag: "div" | "li"): HTMLElement {
  return make(tag, { class: "empty covered" }, icon("key-round"), make("p", {}, WORDS));
}

/** Covers an open thread: entries, members and who it is about. Unsent messages are drawn again by the caller. */
export function cover(root: HTMLElement): void {
  one("#log", root)?.replaceChildren(note("div"));
  for (const part of all(":scope > header :is(.birth, .members, form), #to-unread, #jump, .compose .about > *, .compose .names", root)) part.remove();
  one(".typing", root)?.replaceChildren();
  one("#thread-title", root)?.replaceChildren("Thread");
  one<HTMLTextAreaElement>(".compose label.unseen", root)?.replaceChildren("Message");
}

/** Covers a thread that its reader is no member of any more; what they have typed can still be read and copied. */
export function coverGone(root: HTMLElement): void {
  cover(root);
  const back = make("a", { class: "button main", href: "/" }, "To your threads");
  one("#log", root)?.replaceChildren(make("div", { class: "empty covered", role: "alert" }, icon("info"), make("p", {}, `${GONE} What you typed was not sent; copy it from below if you need it.`), back));
  for (const part of all(":scope > header > .bar, .compose :is(.tool-bar, .later-button, .send, .hints)", root)) part.remove();
  for (const area of all<HTMLTextAreaElement>(".compose textarea", root)) area.readOnly = true;
}

/** Covers the list of threads wherever it is shown, and the title of the window. */
export function coverList(): void {
  on("state", (state) => {
    if (state !== "signed-out") return;
    for (const rows of all(".rows")) rows.replaceChildren(note("li"));
    document.title = one(".clinic > span")?.textContent ?? "";
  });
}
