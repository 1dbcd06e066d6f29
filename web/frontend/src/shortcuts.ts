// Keys for those who work without a mouse. They do nothing while somebody types, and can be switched off (WCAG 2.1.4).
import { openDialog } from "./ask.ts";
import { all, make, one } from "./dom.ts";
import { keepSetting, setting } from "./store.ts";

interface Shortcut {
  key: string;
  words: string;
  does(): boolean;
}

function nextThread(step: 1 | -1): boolean {
  const links = all<HTMLAnchorElement>(".rows li[data-thread] > a");
  const here = links.findIndex((link) => link.hasAttribute("aria-current"));
  const link = links[here === -1 ? (step === 1 ? 0 : links.length - 1) : here + step];
  link?.click();
  return link !== undefined;
}

function focusOn(selector: string): boolean {
  const found = one(selector);
  if (!found || found.getClientRects().length === 0) return false;
  found.focus();
  return true;
}

function toUnread(): boolean {
  const link = one<HTMLAnchorElement>("#to-unread:not([hidden])");
  if (link) link.click();
  else one(".fresh")?.scrollIntoView({ block: "start" });
  return link !== null || one(".fresh") !== null;
}

function search(): boolean {
  if (!focusOn("#q") && !focusOn("#search-box")) location.assign("/search");
  return true;
}

/** Clicks what an entry's own menu offers, on the newest entry that has it. */
function onLast(selector: string): boolean {
  const found = all(selector).at(-1);
  found?.click();
  return found !== undefined;
}

const SHORTCUTS: readonly Shortcut[] = [
  { key: "c", words: "Write a message", does: () => focusOn(".compose textarea") },
  { key: "j", words: "Next thread", does: () => nextThread(1) },
  { key: "k", words: "Previous thread", does: () => nextThread(-1) },
  { key: "u", words: "To the first unread message", does: toUnread },
  { key: "/", words: "Search", does: search },
  { key: "r", words: "Reply to the newest message", does: () => onLast("article:not(.mine) [data-do=reply]") },
  { key: "e", words: "Correct your newest message", does: () => onLast("article.mine [data-do=correct]") },
  { key: "?", words: "This list", does: () => (help(), true) },
];

/** Says whether somebody types here, so that a letter is a letter. */
function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.closest("input, textarea, select, dialog") !== null);
}

function help(): void {
  const rows = SHORTCUTS.map((one) => make("tr", {}, make("td", {}, make("kbd", {}, one.key)), make("td", {}, one.words)));
  const box = make("input", { type: "checkbox", id: "shortcuts-on" });
  box.checked = setting("shortcuts");
  box.addEventListener("change", () => keepSetting("shortcuts", box.checked));
  openDialog("Keyboard shortcuts", null,
    make("table", { class: "keys-table" }, make("thead", { class: "unseen" }, make("tr", {}, make("th", {}, "Key"), make("th", {}, "What it does"))), make("tbody", {}, ...rows)),
    make("p", { class: "soft small" }, "Escape closes menus and this list. Enter sends, or Ctrl and Enter, as chosen below the message."),
    make("label", { class: "choice" }, box, "Use these keys in this browser"));
}

/** Starts for the life of the page. */
export function startShortcuts(): void {
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-shortcuts]")) help();
  });
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    if (typing(event.target) || one("dialog[open]") || !setting("shortcuts")) return;
    const found = SHORTCUTS.find((one) => one.key === event.key);
    if (found?.does()) event.preventDefault();
  });
}
