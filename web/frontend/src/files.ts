// Files in an open thread: the tray, what is chosen, the recorder, and pictures that are looked at large.
import { startChoosing } from "./choosing.ts";
import { all, icon, make, one } from "./dom.ts";
import type { Pasted } from "./pasted.ts";
import { Tray } from "./tray.ts";
import type { Uploads } from "./uploads.ts";
import { startVoice } from "./voice.ts";

const TAKEN_BACK = "This was taken back.";

/** Wires what the open thread holds of files. Returns what ends it. */
export function mountFiles(root: HTMLElement, uploads: Uploads, pasted: Pasted): AbortController {
  const over = new AbortController();
  const { signal } = over;
  const thread = root.dataset.thread ?? "";
  const log = one("#log", root);
  const place = one("#tray", root);
  const form = one<HTMLTextAreaElement>("#body", root)?.form;
  if (log && place && form) {
    const tray = new Tray(place, log, uploads, thread, signal);
    startChoosing({ root, form, tray, uploads, pasted, thread, signal });
    startVoice(form, uploads, thread, signal);
  }
  return over;
}

/**
 * Watches over a picture that is looked at large: its entry may be drawn anew, be taken back, or leave the page with all of its thread.
 * `gone`: it left the page; with words where there is something to say.
 */
function watchLink(link: HTMLAnchorElement, gone: (words: string) => void): () => void {
  const { uid } = link.closest<HTMLElement>("article[data-uid]")?.dataset ?? {};
  let shown = link;
  const watch = new MutationObserver(() => {
    if (shown.isConnected) return;
    const again = all<HTMLAnchorElement>("a[data-large]").find((other) => other.href === link.href);
    if (again) return void (shown = again);
    watch.disconnect();
    gone(uid && one(`article.gone[data-uid="${CSS.escape(uid)}"]`) ? TAKEN_BACK : "");
  });
  watch.observe(document.body, { childList: true, subtree: true });
  return () => watch.disconnect();
}

function enlarge(link: HTMLAnchorElement): void {
  const name = link.dataset.name ?? "";
  const shown = make("img", { src: link.href, alt: name });
  const close = make("button", { class: "button", type: "button" }, icon("x"), make("span", {}, "Close"));
  const size = make("button", { class: "button", type: "button", "aria-pressed": "false" }, icon("search"), make("span", {}, "Full size"));
  const save = make("a", { class: "button", href: link.dataset.download ?? "", download: name }, icon("download"), make("span", {}, "Download"));
  const frame = make("div", { class: "frame", tabindex: "0" }, shown);
  const title = make("b", { dir: "auto" }, name);
  const dialog = make("dialog", { class: "large", "aria-label": `Picture: ${name}` }, make("div", { class: "row" }, title, size, save, close), frame);
  const stop = watchLink(link, (words) => {
    if (!words) return dialog.close();
    title.textContent = "";
    dialog.setAttribute("aria-label", "Picture");
    for (const part of [size, save]) part.remove();
    frame.replaceChildren(make("p", { role: "alert" }, words));
    close.focus();
  });
  shown.addEventListener("error", () => frame.replaceChildren(make("p", { role: "alert" }, "The picture could not be loaded. Check the connection and open it again.")));
  size.addEventListener("click", () => size.setAttribute("aria-pressed", String(frame.classList.toggle("whole"))));
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => {
    stop();
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
