// Files in an open thread: the tray, what is chosen, the recorder, and pictures that are looked at large.
import { startChoosing } from "./choosing.ts";
import { icon, make, one } from "./dom.ts";
import { Tray } from "./tray.ts";
import type { Uploads } from "./uploads.ts";
import { startVoice } from "./voice.ts";

/** Wires what the open thread holds of files. Returns what ends it. */
export function mountFiles(root: HTMLElement, uploads: Uploads): AbortController {
  const over = new AbortController();
  const { signal } = over;
  const thread = root.dataset.thread ?? "";
  const log = one("#log", root);
  const place = one("#tray", root);
  const form = one<HTMLTextAreaElement>("#body", root)?.form;
  if (log && place && form) {
    const tray = new Tray(place, log, uploads, thread, signal);
    startChoosing({ root, form, tray, uploads, thread, signal });
    startVoice(form, uploads, thread, signal);
  }
  return over;
}

function enlarge(link: HTMLAnchorElement): void {
  const name = link.dataset.name ?? "";
  const shown = make("img", { src: link.href, alt: name });
  const close = make("button", { class: "button", type: "button" }, icon("x"), make("span", {}, "Close"));
  const size = make("button", { class: "button", type: "button", "aria-pressed": "false" }, icon("search"), make("span", {}, "Full size"));
  const save = make("a", { class: "button", href: link.dataset.download ?? "", download: name }, icon("download"), make("span", {}, "Download"));
  const frame = make("div", { class: "frame", tabindex: "0" }, shown);
  const dialog = make("dialog", { class: "large", "aria-label": `Picture: ${name}` }, make("div", { class: "row" }, make("b", { dir: "auto" }, name), size, save, close), frame);
  shown.addEventListener("error", () => frame.replaceChildren(make("p", { role: "alert" }, "The picture could not be loaded. Check the connection and open it again.")));
  size.addEventListener("click", () => size.setAttribute("aria-pressed", String(frame.classList.toggle("whole"))));
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (link.isConnected) link.focus({ preventScroll: true });
  });
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}

/** Starts for the life of the page: a picture opens over it; without scripts, and in a new window, its link leads to it alone. */
export function startPictures(): void {
  document.addEventListener(
    "click",
    (event) => {
      const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[data-large]") : null;
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      event.stopPropagation();
      enlarge(link);
    },
    true,
  );
}
