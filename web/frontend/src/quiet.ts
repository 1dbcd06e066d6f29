// Forms whose answer needs no new page (a status, a claim): sent by the script, so that the open thread stays as it is. Without it they are plain forms.
import { icon, make, one } from "./dom.ts";
import { tell } from "./events.ts";
import { Refused, post } from "./http.ts";

const OWN = new Set(["csrf_token", "next"]);
const NO_ANSWER = "Nothing was changed: the clinic did not answer. Try again in a moment.";

function values(form: HTMLFormElement, button: HTMLElement | null): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of new FormData(form)) if (!OWN.has(name) && typeof value === "string") found[name] = value;
  if (button instanceof HTMLButtonElement && button.name) found[button.name] = button.value;
  return found;
}

/** Lets a person put away what was said above the messages: it takes their space, and nothing else puts it away. */
export function closable(note: HTMLElement): void {
  if (one(":scope > button", note)) return;
  const close = make("button", { class: "button quiet bare", type: "button", "aria-label": "Close this message" }, icon("x"));
  close.addEventListener("click", () => {
    const place = note.parentElement;
    note.remove();
    if (place?.childElementCount === 0) place.remove();
  });
  note.append(close);
}

/** Says a refusal above the messages, where flashes stand, and reads it out. */
function say(text: string): void {
  const root = one(".thread");
  if (!root) return;
  let place = one(":scope > .flash", root);
  if (!place) {
    place = make("div", { class: "flash" });
    one(":scope > header", root)?.after(place);
  }
  const note = make("div", { class: "note bad", role: "alert" }, icon("triangle-alert"), make("div", {}, text));
  place.replaceChildren(note);
  closable(note);
}

async function send(form: HTMLFormElement, button: HTMLElement | null): Promise<void> {
  if (form.dataset.busy) return;
  form.dataset.busy = "1";
  const menu = form.closest<HTMLDetailsElement>(".drop");
  try {
    await post(new URL(form.action).pathname, values(form, button));
    one(".thread > .flash")?.remove();
    // The entry that tells of it, the head and the list: fetched now, not only once the feed has told of them.
    tell("look", null);
    tell("threads", null);
  } catch (error) {
    say(error instanceof Refused ? error.text : NO_ANSWER);
  } finally {
    delete form.dataset.busy;
  }
  if (menu?.open) {
    menu.open = false;
    one("summary", menu)?.focus();
  }
}

/** Starts for the life of the page. Before htmx, which would put the whole answer in place. */
export function startQuiet(): void {
  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (!(form instanceof HTMLFormElement) || !form.matches("form[data-quiet]")) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      void send(form, event.submitter);
    },
    true,
  );
}
