// Times in the reader's own zone and words. The server's rendering (in the clinic's zone) stands until this has run.

const lang = () => document.documentElement.lang || undefined;
const clock = () => new Intl.DateTimeFormat(lang(), { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const exact = () => new Intl.DateTimeFormat(lang(), { dateStyle: "full", timeStyle: "long" });
const startOfDay = (at: Date) => new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
const DAY_MS = 86_400_000;

/** "today", "yesterday", "Tuesday", "14 March", "14 March 2025". */
export function dayName(at: Date, now = new Date()): string {
  const days = Math.round((startOfDay(now) - startOfDay(at)) / DAY_MS);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days > 1 && days < 7) return new Intl.DateTimeFormat(lang(), { weekday: "long" }).format(at);
  const year = at.getFullYear() === now.getFullYear() ? {} : { year: "numeric" as const };
  return new Intl.DateTimeFormat(lang(), { day: "numeric", month: "long", ...year }).format(at);
}

function shown(at: Date, form: string): string {
  if (form === "day") return dayName(at);
  if (form === "date") return new Intl.DateTimeFormat(lang(), { dateStyle: "medium" }).format(at);
  if (form === "moment") {
    const day = dayName(at);
    return day === "Today" ? clock().format(at) : `${day.toLowerCase() === "yesterday" ? "yesterday" : day}, ${clock().format(at)}`;
  }
  if (form === "recent") return dayName(at) === "Today" ? clock().format(at) : dayName(at) === "Yesterday" ? "yesterday" : dayName(at);
  return clock().format(at);
}

/** Rewrites every `<time data-form>` below `root`. */
export function localTimes(root: ParentNode = document): void {
  for (const element of root.querySelectorAll<HTMLTimeElement>("time[data-form]")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const text = shown(at, element.dataset.form ?? "clock");
    if (element.textContent !== text) element.textContent = text;
    const title = exact().format(at);
    if (element.title !== title) element.title = title;
  }
}

/** Which day it is for the reader, as a comparable word. */
export function dayOf(iso: string): string {
  return String(startOfDay(new Date(iso)));
}
