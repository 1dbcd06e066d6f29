// A dialog with one form: opened over the page, closed by Escape or its own buttons, and gone afterwards.
import { make } from "./dom.ts";

/** Opens a dialog of this title; `parts` stand in its form, `accept` on its main button. Returns it with its form. */
export function openDialog(title: string, accept: string | null, ...parts: (Node | string)[]): { dialog: HTMLDialogElement; form: HTMLFormElement } {
  const form = make("form", { class: "form", method: "dialog" });
  const close = make("button", { class: "button quiet", type: "button" }, accept ? "Cancel" : "Close");
  const buttons = make("div", { class: "row" }, ...(accept ? [make("button", { class: "button main" }, accept)] : []), close);
  form.append(...parts, buttons);
  const dialog = make("dialog", { class: "ask", "aria-label": title }, make("h2", {}, title), form);
  const opener = document.activeElement;
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (opener instanceof HTMLElement && opener.isConnected) opener.focus({ preventScroll: true });
  });
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, form };
}
