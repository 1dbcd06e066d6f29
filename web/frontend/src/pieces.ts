// Small parts of pages: copy buttons, settings of this browser, the menu, log-out.
import { all, icon, one } from "./dom.ts";
import { prepareSound, tone } from "./alerts.ts";
import { agreeToLose, leave } from "./leaving.ts";
import { closable } from "./quiet.ts";
import { type Setting, keepSetting, setting } from "./store.ts";

function copyButtons(root: ParentNode): void {
  for (const button of all<HTMLButtonElement>("button[data-copy]", root)) {
    button.hidden = false;
    button.addEventListener("click", () => void copy(button));
  }
  for (const input of all<HTMLInputElement>(".copy input", root)) input.addEventListener("focus", () => input.select());
}

async function copy(button: HTMLButtonElement): Promise<void> {
  const input = one<HTMLInputElement>(`#${CSS.escape(button.dataset.copy ?? "")}`);
  if (!input) return;
  try {
    await navigator.clipboard.writeText(input.value);
  } catch {
    // Without the clipboard (plain http on a network address) the text is selected, ready for the person's own copy key.
    input.select();
    return;
  }
  const before = [...button.childNodes];
  button.replaceChildren(icon("check"), "Copied");
  setTimeout(() => button.replaceChildren(...before), 2_000);
}

function browserSettings(root: ParentNode): void {
  for (const part of all("[data-needs-script]", root)) part.hidden = false;
  for (const box of all<HTMLInputElement>("input[data-setting]", root)) {
    const name = box.dataset.setting as Setting;
    box.checked = setting(name) && (name !== "desktop" || window.Notification?.permission === "granted");
    box.addEventListener("change", () => void change(box, name));
  }
}

async function change(box: HTMLInputElement, name: Setting): Promise<void> {
  const problem = one(`#${name}-problem`);
  if (problem) problem.hidden = true;
  if (name === "desktop" && box.checked) {
    const answer = "Notification" in window ? await Notification.requestPermission() : "denied";
    box.checked = answer === "granted";
    if (problem) problem.hidden = box.checked;
  }
  keepSetting(name, box.checked);
  if (name === "sound" && box.checked) tone();
}

/** A field that is not to be filled with what is chosen is not there: hidden, and not sent. */
function fieldsThatGo(root: ParentNode): void {
  for (const select of all<HTMLSelectElement>("select:has(option[data-without])", root)) {
    const names = new Set([...select.options].flatMap((option) => option.dataset.without?.split(" ") ?? []));
    const show = (asked: boolean) => {
      const without = new Set(select.selectedOptions[0]?.dataset.without?.split(" "));
      for (const name of names) {
        const input = select.form?.elements.namedItem(name);
        const field = input instanceof HTMLInputElement ? input.closest<HTMLElement>(".field") : null;
        // What a refusal says of it is read first.
        if (!(input instanceof HTMLInputElement) || !field || (!asked && one(".problem", field))) continue;
        field.hidden = input.disabled = without.has(name);
      }
    };
    select.addEventListener("change", () => show(true));
    show(false);
  }
}

/** Wires the small parts of what has just been put on the page. */
export function mountPieces(root: ParentNode): void {
  copyButtons(root);
  browserSettings(root);
  fieldsThatGo(root);
  for (const note of all(".flash > .note", root)) closable(note);
}

/** Wires the header once. */
export function mountHeader(account: string, unsent: () => number): void {
  prepareSound();
  const menu = one<HTMLDetailsElement>(".who");
  document.addEventListener("click", (event) => {
    if (!menu?.open || !(event.target instanceof Element)) return;
    if (!menu.contains(event.target) || event.target.closest("a")) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu?.open) return;
    menu.open = false;
    one("summary", menu)?.focus();
  });
  // Who logs out may leave a shared computer: drafts go with the session, and unsent messages only after a question.
  one<HTMLFormElement>("#log-out")?.addEventListener("submit", (event) => {
    if (agreeToLose(unsent())) leave(account);
    else event.preventDefault();
  });
}

/** The header stays while the page in it changes: its current link follows the address. */
export function followAddress(): void {
  for (const link of all<HTMLAnchorElement>(".nav a")) {
    const path = new URL(link.href).pathname;
    const here = path === location.pathname || (path === "/" && /^\/threads\/(?!new)/.test(location.pathname)) || (path.startsWith("/admin") && location.pathname.startsWith("/admin"));
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}
