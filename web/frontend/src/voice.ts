// Voice messages: recorded in a panel above the message box, listened to, then sent or discarded. One that is left with its thread is there again later.
import { isNote } from "./choosing.ts";
import { icon, make, one } from "./dom.ts";
import { BARS, drawWave, endSounds, inBars } from "./player.ts";
import { type Ended, NoDevice, Recorder, type Recording, clock, closeDevice, openDevice, recordingName } from "./recorder.ts";
import type { Uploads } from "./uploads.ts";

const SECONDS = 120;
// Phones of Apple from before 2024 play no WebM: what all play comes first where the browser can make it.
const TYPES = ["audio/mp4;codecs=mp4a.40.2", "audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];
const [BITS, LEVEL_MS, SHOWN, SILENT_MS, SOON_MS, ASK_MS] = [48_000, 100, 48, 3_000, 10_000, 3_000];
const WORDS: Record<Ended, string> = {
  asked: "",
  limit: "A voice message lasts two minutes at most, so the recording stopped here. Listen to it and send it; go on in a second one.",
  lost: "The microphone is gone, so the recording stopped here. What was recorded until then is kept.",
};

interface Spoken extends Recording {
  levels: number[];
  why: Ended;
}

/** What was recorded and not sent yet, by thread: it stays with its thread as long as this page lives. */
const kept = new Map<string, Spoken>();
let recording = false;

/** How many recordings would end with this page. */
export function unsentVoice(): number {
  return kept.size + (recording ? 1 : 0);
}

function press(word: string, picture: string, look: string, work: () => void): HTMLButtonElement {
  const button = make("button", { class: `button ${look}`.trim(), type: "button" }, icon(picture), make("span", {}, word));
  button.addEventListener("click", work);
  return button;
}

class VoicePanel {
  readonly #panel = make("section", { class: "voice-panel", "aria-label": "Voice message", hidden: true });
  readonly #status = make("p", { class: "unseen", role: "status" });
  #stream: MediaStream | null = null;
  #recorder: Recorder | null = null;
  #level: ReturnType<typeof setInterval> | undefined;
  #levels: number[] = [];
  #url = "";
  #busy = false;

  constructor(
    readonly form: HTMLFormElement,
    readonly opener: HTMLElement,
    readonly uploads: Uploads,
    readonly thread: string,
    readonly signal: AbortSignal,
  ) {
    form.before(this.#panel, this.#status);
    opener.addEventListener("click", () => void this.#begin(), { signal });
    signal.addEventListener("abort", () => this.#leave());
    const before = kept.get(thread);
    if (before) this.#listen(before);
  }

  #show(...parts: Node[]): void {
    this.#panel.replaceChildren(...parts);
    this.#panel.hidden = parts.length === 0;
    this.opener.setAttribute("aria-expanded", String(parts.length > 0));
  }

  #say(words: string): void {
    this.#status.textContent = words;
  }

  async #begin(): Promise<void> {
    if (this.#busy || !this.#panel.hidden) return one("button", this.#panel)?.focus();
    this.#busy = true;
    const asking = setTimeout(() => this.#show(make("p", {}, icon("mic"), " Your browser asks whether this page may use the microphone: allow it.")), 300);
    try {
      this.#stream = await openDevice({ camera: null });
      if (this.signal.aborted) return closeDevice(this.#stream);
      this.#record(this.#stream);
    } catch (error) {
      if (!(error instanceof NoDevice)) throw error;
      const close = press("Close", "x", "", () => this.#close());
      this.#show(make("p", { role: "alert" }, icon("mic-off"), " ", error.words), make("div", { class: "row" }, press("Try again", "mic", "", () => (this.#show(), void this.#begin())), close));
      close.focus();
    } finally {
      clearTimeout(asking);
      this.#busy = false;
    }
  }

  #record(stream: MediaStream): void {
    recording = true;
    endSounds(); // or the microphone hears it
    this.#levels = [];
    const [word, time] = [make("b", {}, "Recording"), make("span", { class: "time" }, clock(0))];
    const hint = make("p", { class: "small soft hint-line" });
    const meter = make("div", { class: "wave level" }, drawWave(Array.from({ length: SHOWN }, () => 0)));
    const stop = press("Stop", "square", "main", () => this.#recorder?.stop());
    const pause = press("Pause", "pause", "", () => (this.#recorder?.state === "paused" ? this.#recorder.resume() : this.#recorder?.pause()));
    const discard = press("Discard", "trash-2", "quiet discard", () => this.#discard(this.#recorder?.ms ?? 0));
    this.#recorder = new Recorder(stream, {
      seconds: SECONDS,
      types: TYPES,
      audioBits: BITS,
      ticked: (ms) => {
        time.textContent = clock(ms);
        const left = SECONDS * 1000 - ms;
        const silent = ms > SILENT_MS && Math.max(...this.#levels) < 0.08;
        const words = left < SOON_MS ? "It stops by itself in a few seconds." : silent ? "Nothing is heard. Is the microphone muted, or another one meant?" : "";
        if (hint.textContent !== words) this.#say((hint.textContent = words));
      },
      changed: (state) => {
        this.#panel.classList.toggle("paused", state === "paused");
        if (state === "stopped") return;
        word.textContent = state === "paused" ? "Paused" : "Recording";
        pause.replaceChildren(icon(state === "paused" ? "mic" : "pause"), make("span", {}, state === "paused" ? "Go on" : "Pause"));
        this.#say(state === "paused" ? "Recording paused" : "Recording goes on");
      },
      ended: (why, taken) => this.#ended(why, taken),
    });
    this.#level = setInterval(() => this.#measure(meter), LEVEL_MS);
    this.#show(
      make("p", { class: "now" }, icon("mic"), word, make("span", {}, time, ` of ${clock(SECONDS * 1000)}`)), meter, make("div", { class: "row" }, stop, pause, discard), hint,
    );
    this.#say("Recording has started. It stops by itself after two minutes.");
    stop.focus();
  }

  #measure(meter: HTMLElement): void {
    if (this.#recorder?.state !== "recording") return;
    this.#levels.push(this.#recorder.level());
    const shown = [...Array.from({ length: SHOWN }, () => 0), ...this.#levels.map((level) => level * 31)].slice(-SHOWN);
    meter.replaceChildren(drawWave(shown));
  }

  #ended(why: Ended, taken: Recording): void {
    const spoken: Spoken = { ...taken, why, levels: inBars(this.#levels, BARS).map((level) => Math.round(level * 31)) };
    this.#stop();
    kept.set(this.thread, spoken);
    if (!this.signal.aborted) this.#listen(spoken);
  }

  #listen(spoken: Spoken): void {
    this.#url = URL.createObjectURL(spoken.blob);
    const player = document.createElement("media-player");
    const given = { "aria-label": "Your voice message", "data-ms": String(spoken.ms), "data-waveform": spoken.levels.join(" ") };
    for (const [name, value] of Object.entries(given)) player.setAttribute(name, value);
    player.append(make("audio", { controls: true, preload: "auto", src: this.#url }));
    const send = make("button", { class: "button main", type: "button" }, icon("send-horizontal"), make("span", { class: "as-message" }, "Send recording"), make("span", { class: "as-note" }, "Add as internal note"));
    send.addEventListener("click", () => this.#send(spoken));
    const discard = press("Discard", "trash-2", "quiet discard", () => this.#discard(spoken.ms));
    const words = WORDS[spoken.why];
    const mark = make("p", { class: "internal-mark as-note" }, icon("lock"), make("span", {}, "Internal note, staff only: no patient hears it"));
    this.#panel.classList.remove("paused");
    this.#show(mark, player, ...(words ? [make("p", { class: "small" }, words)] : []), make("div", { class: "row" }, send, discard));
    this.#say(`Recording stopped at ${clock(spoken.ms)}. Listen to it, send it, or discard it. ${words}`.trim());
    one(".play", player)?.focus();
  }

  #send(spoken: Spoken): void {
    const note: Record<string, string> = isNote(this.form) ? { note: "1" } : {};
    this.uploads.add(this.thread, "voice.begin", spoken.blob, recordingName("Voice message", spoken.mediaType, spoken.at), spoken.mediaType, note);
    this.#close();
    this.#say("The voice message is on its way.");
  }

  #discard(ms: number): void {
    if (ms > ASK_MS && !confirm(`Discard this recording of ${clock(ms)}? It is nowhere else.`)) return;
    this.#recorder?.drop();
    this.#close();
    this.#say("The recording was discarded.");
  }

  #close(): void {
    this.#stop();
    kept.delete(this.thread);
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = "";
    this.#show();
    this.opener.focus({ preventScroll: true });
  }

  #stop(): void {
    clearInterval(this.#level);
    this.#recorder = null;
    if (this.#stream) closeDevice(this.#stream);
    this.#stream = null;
    recording = false;
  }

  /** The page shows something else now: what was being recorded ends, and is kept with its thread. */
  #leave(): void {
    this.#recorder?.stop();
    this.#panel.remove();
    this.#status.remove();
    if (this.#url) URL.revokeObjectURL(this.#url);
  }
}

/** Wires the microphone of an open thread. */
export function startVoice(form: HTMLFormElement, uploads: Uploads, thread: string, signal: AbortSignal): void {
  const opener = one("#voice-button", form);
  if (opener) new VoicePanel(form, opener, uploads, thread, signal);
}
