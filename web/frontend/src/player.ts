// <media-player>: a sound with its loudness drawn, to be sought in by pointer and keys; and film, with the browser's own controls. One plays at a time.
// The element that the server drew (an <audio> or <video> with controls) is what is used without scripts.
import { icon, make, one } from "./dom.ts";
import { clock } from "./recorder.ts";

const SVG = "http://www.w3.org/2000/svg";
const SPEEDS = [1, 1.5, 2];
const SPEED_WORDS = ["1×", "1.5×", "2×"];
export const BARS = 64;
const [LOUDEST, STEP_SECONDS] = [31, 5];

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

class MediaPlayer extends HTMLElement {
  #media: HTMLMediaElement | null = null;
  #wave: SVGSVGElement | null = null;
  #slider: HTMLElement | null = null;
  #play: HTMLButtonElement | null = null;
  #time: HTMLElement | null = null;
  #speed = 0;
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
    this.#wave = drawWave((this.dataset.waveform ?? "").split(" ").filter(Boolean).map(Number));
    this.#slider.append(this.#wave);
    this.#time = make("span", { class: "time" });
    const speed = make("button", { class: "button quiet bare speed", type: "button" }, SPEED_WORDS[0] ?? "");
    speed.setAttribute("aria-label", "Speed: 1×");
    this.prepend(this.#play, this.#slider, this.#time, speed);
    this.#play.addEventListener("click", () => void this.#toggle());
    speed.addEventListener("click", () => this.#faster(speed));
    this.#slider.addEventListener("keydown", (event) => this.#key(event));
    this.#slider.addEventListener("pointerdown", (event) => this.#point(event));
    this.#slider.addEventListener("pointermove", (event) => this.#drag && this.#point(event));
    for (const end of ["pointerup", "pointercancel"]) this.#slider.addEventListener(end, () => (this.#drag = false));
    for (const name of ["play", "pause", "timeupdate", "seeked", "loadedmetadata", "ended", "waiting"]) media.addEventListener(name, () => this.#draw());
    media.addEventListener("play", () => this.#follow());
    media.addEventListener("error", () => this.#fail());
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
    media.playbackRate = SPEEDS[this.#speed] ?? 1;
    await media.play().catch((error: unknown) => {
      // A press on "pause" while it loads is no failure.
      if (!(error instanceof DOMException && error.name === "AbortError")) this.#fail();
    });
  }

  #fail(): void {
    if (this.#failed) return;
    this.#failed = true;
    this.append(make("p", { class: "problem", role: "alert" }, "This could not be played. Check the connection and press play again, or download it."));
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

  #faster(button: HTMLElement): void {
    this.#speed = (this.#speed + 1) % SPEEDS.length;
    if (this.#media) this.#media.playbackRate = SPEEDS[this.#speed] ?? 1;
    button.textContent = SPEED_WORDS[this.#speed] ?? "";
    button.setAttribute("aria-label", `Speed: ${button.textContent}`);
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
    const words = `${clock(at * 1000)} of ${clock(seconds * 1000)}`;
    if (this.#slider && this.#slider.getAttribute("aria-valuetext") !== words) {
      this.#slider.setAttribute("aria-valuemax", String(Math.round(seconds)));
      this.#slider.setAttribute("aria-valuenow", String(Math.round(at)));
      this.#slider.setAttribute("aria-valuetext", words);
    }
    const shown = at > 0 || playing ? `${clock(at * 1000)} / ${clock(seconds * 1000)}` : clock(seconds * 1000);
    if (this.#time && this.#time.textContent !== shown) this.#time.textContent = shown;
    const bars = this.#wave?.children ?? [];
    const played = seconds > 0 ? (at / seconds) * bars.length : 0;
    for (let index = 0; index < bars.length; index++) bars[index]?.classList.toggle("played", index < played);
  }
}

/** Starts for the life of the page: whoever begins to play ends the others. */
export function startPlayers(): void {
  customElements.define("media-player", MediaPlayer);
  document.addEventListener(
    "play",
    (event) => {
      for (const other of document.querySelectorAll<HTMLMediaElement>("audio, video")) if (other !== event.target && !other.srcObject) other.pause();
    },
    true,
  );
}
