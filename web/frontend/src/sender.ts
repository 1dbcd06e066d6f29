// The outbox of this account in this browser, joined to the server: one tab sends at a time.
import { Refused, Unreachable, type Answer, post } from "./http.ts";
import { tell } from "./events.ts";
import { live } from "./live.ts";
import { type Item, Outbox, type Outcome } from "./outbox.ts";
import { store, threadOfKey } from "./store.ts";

async function send(item: Item): Promise<Outcome> {
  try {
    const answer = await post<Answer>(`/actions/${encodeURIComponent(item.action)}/${encodeURIComponent(item.thread)}`, {
      ...item.values,
      client_id: item.id,
    });
    return { kind: "sent", entry: answer.entry ?? null };
  } catch (error) {
    if (error instanceof Unreachable) return { kind: "again", waitMs: (error.waitSeconds ?? 0) * 1_000, fault: error.fault };
    if (!(error instanceof Refused)) return { kind: "again", waitMs: 0 };
    if (error.status === 401) return { kind: "signed-out" };
    const held = error.code === "gated";
    if (held) tell("threads", null); // what stands above the message box is out of date
    return { kind: "refused", text: error.text, held };
  }
}

async function alone(account: string, work: () => Promise<void>): Promise<void> {
  if (!navigator.locks) return work();
  await navigator.locks.request(`bedside-outbox-${account}`, work);
}

const TOUCH_MS = 120_000;

/** While somebody types or points, the session is in use; the server hears so at most every two minutes. */
export function keepSession(): void {
  let told = Date.now();
  const touch = () => {
    if (Date.now() - told < TOUCH_MS || live.state === "signed-out") return;
    told = Date.now();
    post("/session", {}).catch((error: unknown) => {
      if (error instanceof Refused && error.status === 401) live.signedOut();
    });
  };
  for (const name of ["pointerdown", "keydown", "wheel", "touchmove"]) addEventListener(name, touch, { passive: true });
}

/** The outbox of the signed-in account, kept going for the life of the page. */
export function startOutbox(account: string): Outbox {
  const outbox = new Outbox({
    store,
    account,
    send,
    alone: (work) => alone(account, work),
    later: (work, ms) => {
      const timer = setTimeout(work, ms);
      return () => clearTimeout(timer);
    },
    changed: (thread) => tell("outbox", { thread }),
    sent: (item, entry) => tell("sent", { thread: item.thread, id: item.id, entry }),
    signedOut: () => live.signedOut(),
  });
  addEventListener("storage", (event) => {
    const thread = event.key && threadOfKey(account, event.key);
    if (thread) tell("outbox", { thread });
  });
  addEventListener("online", () => outbox.flush());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") outbox.flush();
  });
  outbox.flush();
  return outbox;
}
