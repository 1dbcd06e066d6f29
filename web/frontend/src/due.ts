// Times by which an answer was promised: how long is left, counted on, and that it is too late once it is.
import { all, one } from "./dom.ts";

const TICK_MS = 20_000;

/** A length of time in its two largest units, as the server writes it (web/times.py: span). */
export function span(ms: number): string {
  const whole = Math.max(1, Math.floor(ms / 60_000));
  const parts: [number, string][] = [[Math.floor(whole / 1440), "day"], [Math.floor(whole / 60) % 24, "h"], [whole % 60, "min"]];
  const first = parts.findIndex(([number]) => number > 0);
  const said = ([number, word]: [number, string]) => `${number} ${word === "day" && number !== 1 ? "days" : word}`;
  return parts.slice(first, first + 2).filter(([number]) => number > 0).map(said).join(" ");
}

function tick(): void {
  for (const due of all("[data-due]")) {
    const left = Date.parse(due.dataset.due ?? "") - Date.now();
    if (Number.isNaN(left)) continue;
    due.classList.toggle("over", left < 0);
    const words = left < 0 ? `(${span(-left)} ago)` : `(in ${span(left)})`;
    const shown = one(".left", due);
    if (shown && shown.textContent !== words) shown.textContent = words;
  }
}

/** Starts for the life of the page. */
export function startDue(): void {
  setInterval(tick, TICK_MS);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && tick());
}
