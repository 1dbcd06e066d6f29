// <media-player>: a sound with its loudness drawn, to be sought in by pointer and keys; and film, with the browser's own controls. One plays at a time.
// The element that the server drew (an <audio> or <video> with controls) is what is used without scripts.
import { all, icon, make, one } from "./dom.ts";
import { clock } from "./recorder.ts";
import { store } from "./store.ts";

const SVG = "http://www.w3.org/2000/svg";
const SPEEDS = [1, 1.5, 2];
const SPEED_WORDS = ["1×", "1.5×", "2×"];
const SPEED_KEY = "bedside:setting:speed";
export const BARS = 64;
const [LOUDEST, STEP_SECONDS, BAR_PIXELS, FEWEST_BARS] = [31, 5, 4, 16];

function bar(index: number, loudness: number): SVGRectElement {
  const height = 2 + (Math.min(LOUDEST, Math.max(0, loudness)) / LOUDEST) * 28;
  const rect = document.createElementNS(SVG, "rect");
  const given = { x: index * 4 + 0.5, y: (32 - height) / 2, width: 3, height, rx: 1.5 };
  for (const [name, value] of Object.entries(given)) rect.setAttribute(name, String(value));
  return rect;
}

/** The loudness of a sound as bars; one that is not known is drawn as a line. */
export function drawWave(loudness: number[]): SVGSVGElement {
  const known = loudness.length > 0 ? loudness : Array.from({ length: BARS }, () => 0);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${known.length * 4} 32`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  svg.append(...known.map((value, index) => bar(index, value)));
  return svg;
}

/** Loudnesses in so many equal steps of time, each as loud as the loudest in it; of few some are drawn twice. */
export function inBars(loudness: number[], many: number): number[] {
  return Array.from({ length: many }, (_, index) => {
    const from = Math.floor((index * loudness.length) / many);
    return Math.max(0, ...loudness.slice(from, Math.max(from + 1, Math.floor(((index + 1) * loudness.length) / many))));
  });
}

/** How long a sound is, as the server says it elsewhere: no list may say another length than the player. */
const wholeClock = (seconds: number) => clock(seconds > 0 ? Math.max(1, Math.round(seconds)) * 1000 : 0);

/** Whoever listens faster does so with the next sound too, also tomorrow. */
const speed = () => Math.max(0, SPEED_WORDS.indexOf(store.get(SPEED_KEY) ?? ""));

/** Ends what plays: all of it, or all but one. What a camera shows goes on. */
export function endSounds(but: EventTarget | null = null): void {
  for (const other of all<HTMLMediaElement>("audio, video")) if (other !== but && !other.srcObject) other.pause();
}

class MediaPlayer extends HTMLElement {
  #media: HTMLMediaElement | null = null;
  #wave: SVGSVGElement | null = null;
  #loudness: number[] = [];
  #slider: HTMLElement | null = null;
  #play: HTMLButtonElement | null = null;
  #time: HTMLElement | null = null;
  #faster: HTMLElement | null = null;
  #failed = false;
  #drag = false;

  connectedCallback(): void {
    if (this.#media) return;
    this.#media = one<HTMLMediaElement>("audio, video", this);
    if (!(this.#media instanceof HTMLAudioElement)) return;
    this.#media.controls = false;
    this.#build(this.#media);
  }

  disconnectedCallback(): void {
    // Moved to another place of the page it is connected again at once.
    queueMicrotask(() => !this.isConnected && this.#media?.pause());
  }

  /** Seconds in all. A browser does not know it of what it recorded itself, so the server says it. */
  get #seconds(): number {
    const told = Number(this.dataset.ms) / 1000;
    const found = this.#media?.duration ?? 0;
    return told > 0 ? told : Number.isFinite(found) ? found : 0;
  }

  #build(media: HTMLMediaElement): void {
    const name = this.getAttribute("aria-label") ?? "Sound";
    this.setAttribute("role", "group");
    this.#play = make("button", { class: "button bare play", type: "button" });
    this.#slider = make("div", { class: "wave", role: "slider", tabindex: "0", "aria-label": `Where in: ${name}`, "aria-valuemin": "0" });
    this.#loudness = (this.dataset.waveform ?? "").split(" ").filter(Boolean).map(Number);
    this.#wave = drawWave(this.#loudness);
    this.#slider.append(this.#wave);
    this.#time = make("span", { class: "time" });
    this.#faster = make("button", { class: "button quiet bare speed", type: "button" });
    this.prepend(this.#play, this.#slider, this.#time, this.#faster);
    new ResizeObserver(() => this.#fit()).observe(this.#slider);
    this.#play.addEventListener("click", () => void this.#toggle());
    this.#faster.addEventListener("click", () => {
      store.set(SPEED_KEY, SPEED_WORDS[(speed() + 1) % SPEEDS.length] ?? "");
      for (const player of all<MediaPlayer>("media-player")) player.pace();
    });
    this.#slider.addEventListener("keydown", (event) => this.#key(event));
    this.#slider.addEventListener("pointerdown", (event) => this.#point(event));
    this.#slider.addEventListener("pointermove", (event) => this.#drag && this.#point(event));
    for (const end of ["pointerup", "pointercancel"]) this.#slider.addEventListener(end, () => (this.#drag = false));
    for (const name of ["play", "pause", "timeupdate", "seeked", "loadedmetadata", "ended", "waiting"]) media.addEventListener(name, () => this.#draw());
    media.addEventListener("play", () => this.#follow());
    media.addEventListener("error", () => this.#fail());
    this.pace();
    this.#draw();
  }

  /** Plays as fast as the person wants it, and says so. */
  pace(): void {
    const words = SPEED_WORDS[speed()] ?? "";
    if (!this.#faster || !this.#media) return;
    this.#media.playbackRate = SPEEDS[speed()] ?? 1;
    this.#faster.textContent = words;
    this.#faster.setAttribute("aria-label", `Speed: ${words}`);
  }

  /** As many bars as can be told apart in the width that there is. */
  #fit(): void {
    const many = Math.min(BARS, Math.max(FEWEST_BARS, Math.floor((this.#slider?.clientWidth ?? 0) / BAR_PIXELS)));
    if (!this.#wave || many === this.#wave.childElementCount) return;
    const wave = drawWave(inBars(this.#loudness, many));
    this.#wave.replaceWith(wave);
    this.#wave = wave;
    this.#draw();
  }

  async #toggle(): Promise<void> {
    const media = this.#media;
    if (!media) return;
    if (!media.paused) return media.pause();
    if (this.#failed) {
      this.#failed = false;
      one(".problem", this)?.remove();
      media.load();
    }
    if (media.ended || this.#at >= this.#seconds) media.currentTime = 0;
    this.pace(); // another window may have changed it, and what was loaded anew has forgotten it
    await media.play().catch((error: unknown) => {
      // A press on "pause" while it loads is no failure.
      if (!(error instanceof DOMException && error.name === "AbortError")) this.#fail();
    });
  }

  #fail(): void {
    if (this.#failed) return;
    this.#failed = true;
    const words = make("p", { class: "problem", role: "alert" }, "This could not be played. Check the connection and press play again");
    const address = this.#media?.getAttribute("src") ?? "";
    if (address.startsWith("/")) words.append(", or ", make("a", { href: `${address}/download`, download: true, "hx-boost": "false" }, "download it"));
    words.append(".");
    this.append(words);
    this.#draw();
  }

  get #at(): number {
    return this.#media?.currentTime ?? 0;
  }

  #seek(seconds: number): void {
    if (!this.#media) return;
    this.#media.currentTime = Math.min(Math.max(0, seconds), Math.max(0, this.#seconds - 0.05));
    this.#draw();
  }

  #point(event: PointerEvent): void {
    if (event.button !== 0 || !this.#slider) return;
    if (event.type === "pointerdown") {
      this.#drag = true;
      this.#slider.setPointerCapture(event.pointerId);
    }
    const box = this.#slider.getBoundingClientRect();
    this.#seek(((event.clientX - box.left) / box.width) * this.#seconds);
  }

  #key(event: KeyboardEvent): void {
    const to: Record<string, number> = {
      ArrowRight: this.#at + STEP_SECONDS,
      ArrowUp: this.#at + STEP_SECONDS,
      ArrowLeft: this.#at - STEP_SECONDS,
      ArrowDown: this.#at - STEP_SECONDS,
      PageUp: this.#at + 4 * STEP_SECONDS,
      PageDown: this.#at - 4 * STEP_SECONDS,
      Home: 0,
      End: this.#seconds,
    };
    const seconds = to[event.key];
    if (event.key !== " " && seconds === undefined) return;
    event.preventDefault();
    if (seconds === undefined) void this.#toggle();
    else this.#seek(seconds);
  }

  /** Between two "timeupdate" lies a quarter of a second; while it plays the bars follow each frame. */
  #follow(): void {
    const step = () => {
      if (!this.#media || this.#media.paused || !this.isConnected) return;
      this.#draw();
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  #draw(): void {
    const [seconds, media] = [this.#seconds, this.#media];
    const at = Math.min(this.#at, seconds || this.#at);
    const playing = media !== null && !media.paused && !media.ended;
    if (this.#play && this.#play.dataset.playing !== String(playing)) {
      this.#play.dataset.playing = String(playing);
      this.#play.replaceChildren(icon(playing ? "pause" : "play"));
      this.#play.setAttribute("aria-label", `${playing ? "Pause" : "Play"}: ${this.getAttribute("aria-label") ?? "sound"}`);
    }
    const words = `${clock(at * 1000)} of ${wholeClock(seconds)}`;
    if (this.#slider && this.#slider.getAttribute("aria-valuetext") !== words) {
      this.#slider.setAttribute("aria-valuemax", String(Math.round(seconds)));
      this.#slider.setAttribute("aria-valuenow", String(Math.round(at)));
      this.#slider.setAttribute("aria-valuetext", words);
    }
    const shown = at > 0 || playing ? clock(at * 1000) : wholeClock(seconds); // as wide as before: where one points stays where it is
    if (this.#time && this.#time.textContent !== shown) this.#time.textContent = shown;
    const bars = this.#wave?.children ?? [];
    const played = seconds > 0 ? (at / seconds) * bars.length : 0;
    for (let index = 0; index < bars.length; index++) bars[index]?.classList.toggle("played", index < played);
  }
}

/** Starts for the life of the page: whoever begins to play ends the others. */
export function startPlayers(): void {
  customElements.define("media-player", MediaPlayer);
  document.addEventListener("play", (event) => endSounds(event.target), true);
}
