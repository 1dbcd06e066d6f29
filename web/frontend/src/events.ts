// What happens on the page, told to whoever listens. One bus, typed.

export type LiveState = "connecting" | "live" | "offline" | "polling" | "signed-out";

export interface Happenings {
  state: LiveState;
  /** A new entry in this thread that this person may see. */
  news: { thread: string; uid: string };
  marks: { thread: string };
  typing: { thread: string; who: string; state: string };
  /** The list of threads may look different now. */
  threads: null;
  /** Look again at everything: after a reconnect, and every few seconds while polling. */
  look: null;
  outbox: { thread: string };
  /** The files of this thread that are on their way stand otherwise now. */
  uploads: { thread: string };
  sent: { thread: string; id: string; entry: string | null };
}

type Listener<K extends keyof Happenings> = (detail: Happenings[K]) => void;

const listeners = new Map<keyof Happenings, Set<(detail: never) => void>>();

/** Listens until the signal is aborted; without one for the life of the page. */
export function on<K extends keyof Happenings>(name: K, listener: Listener<K>, signal?: AbortSignal): void {
  const group = listeners.get(name) ?? new Set();
  listeners.set(name, group);
  group.add(listener as (detail: never) => void);
  signal?.addEventListener("abort", () => group.delete(listener as (detail: never) => void));
}

export function tell<K extends keyof Happenings>(name: K, detail: Happenings[K]): void {
  for (const listener of [...(listeners.get(name) ?? [])]) (listener as Listener<K>)(detail);
}
