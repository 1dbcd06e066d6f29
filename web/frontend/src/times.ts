// Times in the reader's own zone and words. The server's rendering (in the clinic's zone) stands until this has run.

// English without a country would write March 14, 2025; the server, and everybody but one country, writes 14 March 2025.
const lang = () => (document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang || undefined);
const clock = () => new Intl.DateTimeFormat(lang(), { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const part = (at: Date, form: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(lang(), form).format(at);
const date = (at: Date) => part(at, { day: "numeric", month: "long", year: "numeric" });
const exact = (at: Date) => `${part(at, { weekday: "long" })}, ${date(at)}, ${part(at, { timeStyle: "long" })}`;
const startOfDay = (at: Date) => new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
const DAY_MS = 86_400_000;

/** "today", "yesterday", "tomorrow", "Tuesday", "14 March", "14 March 2025". */
export function dayName(at: Date, now = new Date()): string {
  const days = Math.round((startOfDay(now) - startOfDay(at)) / DAY_MS);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days === -1) return "Tomorrow";
  if (days > 1 && days < 7) return part(at, { weekday: "long" });
  return at.getFullYear() === now.getFullYear() ? part(at, { day: "numeric", month: "long" }) : date(at);
}

function shown(at: Date, form: string): string {
  if (form === "day") return dayName(at);
  if (form === "date") return date(at);
  if (form === "moment") {
    const day = dayName(at);
    return day === "Today" ? clock().format(at) : `${day === "Yesterday" || day === "Tomorrow" ? day.toLowerCase() : day}, ${clock().format(at)}`;
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
    const title = exact(at);
    if (element.title !== title) element.title = title;
  }
}

/** Which day it is for the reader, as a comparable word. */
export function dayOf(iso: string): string {
  return String(startOfDay(new Date(iso)));
}
