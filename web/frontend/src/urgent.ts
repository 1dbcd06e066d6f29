// Urgent calls call staff back whatever is muted; the duty account looks every ten seconds for what nobody has seen.
import { tone } from "./alerts.ts";
import { covered } from "./cover.ts";
import { all, one, parse } from "./dom.ts";
import { getFragments } from "./http.ts";
import { live } from "./live.ts";
import { whenStill } from "./still.ts";
import { store } from "./store.ts";
import { localTimes } from "./times.ts";

const DUTY_MS = 10_000;

/** Tells of a call once per browser, past mute and the setting for sound. The text says nothing of the thread. */
function callBack(account: string, call: string, words: string, open: () => void): void {
  const key = `bedside:${account}:called:${call}`;
  if (store.get(key)) return;
  store.set(key, "1");
  try {
    tone();
  } catch {
    // No sound on this machine, or none allowed yet: it is written on the page.
  }
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  const notification = new Notification("Urgent", { body: words, tag: `bedside-urgent-${call}`, requireInteraction: true });
  notification.addEventListener("click", () => (window.focus(), open(), notification.close()));
}

/** Hears of the open calls on top of a list of threads. */
export function hearUrgent(account: string, list: ParentNode, go: (path: string) => void): void {
  for (const row of all("li[data-urgent]", list)) {
    const words = one("strong", row)?.textContent ?? "A patient needs help";
    callBack(account, row.dataset.urgent ?? "", words, () => go(`/threads/${row.dataset.threadOf ?? ""}`));
  }
}

/** Starts for the life of the page, where the duty account has its place for alerts. */
export function startDuty(account: string): void {
  if (!one("#duty")) return;
  const hear = (place: ParentNode) => {
    for (const link of all("[data-duty-call]", place))
      callBack(account, link.dataset.dutyCall ?? "", "A patient called for help, and nobody has seen it.", () => location.assign("/duty"));
  };
  hear(document);
  setInterval(() => {
    if (covered()) return;
    getFragments("/duty/alerts").then(
      ({ html }) => {
        const shown = one("#duty");
        const fresh = parse(html)[0];
        if (!shown || !(fresh instanceof HTMLElement)) return;
        localTimes(fresh);
        hear(fresh);
        if (shown.textContent !== fresh.textContent) whenStill("duty", () => shown.replaceWith(fresh));
      },
      (error: unknown) => live.missed(error),
    );
  }, DUTY_MS);
}
