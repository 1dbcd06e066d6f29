// What the composer may be about: a message that is answered, or an own one that is corrected. Pure but for reading the entry's article.
import { all, one } from "./dom.ts";

export interface About {
  uid: string;
  /** Who wrote it, when, and its text as it reads now. */
  name: string;
  at: string;
  text: string;
  internal: boolean;
}

const QUOTED = 160;

/** Reads an entry of the page. */
export function aboutOf(article: HTMLElement): About {
  return {
    uid: article.dataset.uid ?? "",
    name: article.dataset.authorName || (one(".author", article)?.textContent ?? ""),
    at: article.dataset.at ?? "",
    text: one(".body", article)?.textContent ?? "",
    internal: article.classList.contains("internal"),
  };
}

/** The first words of a text, on one line. */
export function firstWords(text: string): string {
  const line = text.split(/\s+/).join(" ").trim();
  return line.length > QUOTED ? `${line.slice(0, QUOTED - 1).trimEnd()}…` : line;
}

/** The emojis that the reader has chosen for an entry once they have toggled this one, as the server takes them. */
export function chosen(article: HTMLElement, emoji: string): string {
  const mine = all(".reactions [data-emoji][aria-pressed=true]", article).map((button) => button.dataset.emoji ?? "");
  return toggled(mine, emoji).join(" ");
}

/** `mine` with `emoji` if it was without, and without if it was with. */
export function toggled(mine: string[], emoji: string): string[] {
  return mine.includes(emoji) ? mine.filter((one) => one !== emoji) : [...mine, emoji];
}
