// Names after an @: a list to choose from with arrows and Enter or Tab, while a message is typed.
import { make, one } from "./dom.ts";

const MOST = 6;

/** The beginning of a name that is being typed after an @, and where it starts; null where there is none. */
export function typedName(text: string, caret: number): { from: number; part: string } | null {
  const found = /(?:^|[\s(])@([^\s@]{0,40})$/u.exec(text.slice(0, caret));
  return found ? { from: caret - (found[1] ?? "").length, part: found[1] ?? "" } : null;
}

/** The names of which a word begins so, those that begin so themselves first. */
export function matching(names: string[], part: string): string[] {
  const wanted = part.toLocaleLowerCase();
  const fits = (name: string) => name.toLocaleLowerCase().split(/\s+/).some((word) => word.startsWith(wanted));
  const first = (name: string) => Number(!name.toLocaleLowerCase().startsWith(wanted));
  return names.filter(fits).sort((a, b) => first(a) - first(b)).slice(0, MOST);
}

/** Wires the list to the field; `chosen` is called after a name was put into it. */
export function startMentions(area: HTMLTextAreaElement, form: HTMLFormElement, signal: AbortSignal, chosen: () => void): void {
  const names = JSON.parse(form.dataset.people ?? "[]") as string[];
  if (names.length === 0) return;
  let at = 0;
  let shown: string[] = [];
  const list = make("ul", { class: "names", id: "names", role: "listbox", "aria-label": "People in this thread", hidden: true });
  area.before(list);
  area.setAttribute("aria-controls", "names");

  function close(): void {
    list.hidden = true;
    list.replaceChildren();
    shown = [];
    area.removeAttribute("aria-activedescendant");
  }

  function point(to: number): void {
    at = (to + shown.length) % shown.length;
    for (const [place, option] of [...list.children].entries()) option.setAttribute("aria-selected", String(place === at));
    area.setAttribute("aria-activedescendant", `name-${at}`);
  }

  function choose(name: string | undefined): void {
    const typed = typedName(area.value, area.selectionStart);
    close();
    if (!typed || name === undefined) return;
    area.setRangeText(`${name} `, typed.from, area.selectionStart, "end");
    chosen();
    area.focus();
  }

  function look(): void {
    const typed = typedName(area.value, area.selectionStart);
    shown = typed ? matching(names, typed.part) : [];
    if (shown.length === 0) {
      close();
      return;
    }
    list.replaceChildren(...shown.map((name, place) => make("li", { role: "option", id: `name-${place}`, "data-name": name }, name)));
    list.hidden = false;
    point(0);
  }

  area.addEventListener("input", look, { signal });
  area.addEventListener("blur", () => setTimeout(close, 150), { signal });
  list.addEventListener("pointerdown", (event) => event.preventDefault(), { signal });
  list.addEventListener("click", (event) => choose(event.target instanceof HTMLElement ? event.target.dataset.name : undefined), { signal });
  area.addEventListener(
    "keydown",
    (event) => {
      if (list.hidden || event.isComposing || !one("li", list)) return;
      const moves: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };
      if (event.key in moves) point(at + (moves[event.key] ?? 0));
      else if ((event.key === "Enter" && !event.shiftKey) || event.key === "Tab") choose(shown[at]);
      else if (event.key === "Escape") close();
      else return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    { signal },
  );
}
