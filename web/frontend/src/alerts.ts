// What calls a person back: the count in the title, a soft tone, a desktop notification. Muted threads stay silent.
import { setting, store } from "./store.ts";
import { COUNTED_AT_MOST } from "./unread.ts";

let audio: AudioContext | null = null;

/** Browsers allow sound only after a gesture; the first one anywhere prepares it. */
export function prepareSound(): void {
  const wake = () => {
    if (!setting("sound")) return;
    audio ??= new AudioContext();
    void audio.resume();
  };
  addEventListener("pointerdown", wake);
  addEventListener("keydown", wake);
}

/** Two soft notes. */
export function tone(): void {
  audio ??= new AudioContext();
  const start = audio.currentTime;
  for (const [delay, pitch] of [[0, 660], [0.14, 880]] as const) {
    const gain = audio.createGain();
    gain.gain.setValueAtTime(0.0001, start + delay);
    gain.gain.exponentialRampToValueAtTime(0.08, start + delay + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.0001, start + delay + 0.3);
    const note = audio.createOscillator();
    note.frequency.value = pitch;
    note.connect(gain).connect(audio.destination);
    note.start(start + delay);
    note.stop(start + delay + 0.32);
  }
}

/** The number of unread messages before the page's own title. */
export function titleCount(unread: number): void {
  const plain = document.title.replace(/^\(\d+\+?\) /, "");
  const title = unread > 0 ? `(${unread < COUNTED_AT_MOST ? unread : "99+"}) ${plain}` : plain;
  if (document.title !== title) document.title = title;
}

/** Says for all tabs of this browser that the person knows of this entry. Returns whether that is new. */
export function claim(account: string, thread: string, stamp: string): boolean {
  const key = `bedside:${account}:told:${thread}`;
  if (store.get(key) === stamp) return false;
  store.set(key, stamp);
  return true;
}

/** Tells the person once per browser, whichever tab is first. The text says who, never what. */
export function alertOf(account: string, thread: string, stamp: string, who: string, open: () => void): void {
  if (!claim(account, thread, stamp)) return;
  if (setting("sound")) tone();
  if (!setting("desktop") || !("Notification" in window) || Notification.permission !== "granted") return;
  const notification = new Notification("New message", { body: `From ${who}`, tag: `bedside-${thread}` });
  notification.addEventListener("click", () => {
    window.focus();
    open();
    notification.close();
  });
}
