// The page where a patient records or chooses the short video that they were asked for: camera, countdown, a look at it, then it is sent.
import { covered } from "./cover.ts";
import { all, one, parse } from "./dom.ts";
import { on } from "./events.ts";
import { findLength, lengthOf } from "./footage.ts";
import { Refused, getFragments } from "./http.ts";
import { live } from "./live.ts";
import { endSounds } from "./player.ts";
import { type Ended, NoDevice, Recorder, type Recording, clock, closeDevice, openDevice, recordingName } from "./recorder.ts";
import type { Upload } from "./upload.ts";
import type { Uploads } from "./uploads.ts";

// Safari plays no WebM of older phones, so what all play comes first where the browser can make it.
const TYPES = ["video/mp4;codecs=avc1.42E01E,mp4a.40.2", "video/webm;codecs=vp8,opus", "video/mp4", "video/webm"];
const [VIDEO_BITS, AUDIO_BITS, SOON_MS, TOLERANCE_MS] = [1_000_000, 48_000, 10_000, 500];
const CAMERA: MediaTrackConstraints = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 24, max: 30 } };
const ENDS: Record<Ended, string> = {
  asked: "Look at it, then send it.",
  limit: "It stopped by itself, as it is as long as it may be. Look at it, then send it.",
  lost: "The camera is gone, so the recording stopped here. Look at what there is, or record it again.",
};

type Phase = "idle" | "opening" | "ready" | "recording" | "taken" | "sending" | "sent" | "refused" | "over";
/** Which buttons there are; the first is where the focus goes. */
const BUTTONS: Record<Phase, string[]> = {
  idle: ["open", "choose"],
  opening: ["cancel"],
  ready: ["start", "turn", "cancel"],
  recording: ["stop"],
  taken: ["send", "again", "choose"],
  sending: ["cancel"],
  sent: ["back"],
  refused: ["again", "choose"],
  over: ["back"],
};
const UNPLAYABLE = "This browser cannot play this video, so you could not look at it before it is sent. Choose another one, or record one here.";
const NO_VIDEO = "This file is no video. Choose a video, or record one here.";
const NOT_THERE = "This request is not open to you any more. Nothing needs to be sent.";

interface Film {
  blob: Blob;
  name: string;
  mediaType: string;
}

/** What was recorded or chosen and not sent yet, by request: it stays as long as this page lives. */
const kept = new Map<string, Film>();
const ENDED: ReadonlySet<Phase> = new Set(["sending", "sent", "over"]);
let recording = false;

export class FilmMaker {
  readonly #data: DOMStringMap;
  readonly #over = new AbortController();
  #phase: Phase = "idle";
  #stream: MediaStream | null = null;
  #recorder: Recorder | null = null;
  #cameras: string[] = [];
  #url = "";
  #upload = "";
  #near = false;

  constructor(
    readonly root: HTMLElement,
    readonly uploads: Uploads,
  ) {
    this.#data = root.dataset;
    const signal = { signal: this.#over.signal };
    for (const button of all<HTMLButtonElement>("button[data-do]", root)) button.addEventListener("click", () => this.#press(button.dataset.do ?? ""), signal);
    one<HTMLInputElement>("input[type=file]", root)?.addEventListener("change", (event) => void this.#chosen(event.target as HTMLInputElement), signal);
    on("uploads", (change) => change.thread === this.#thread && this.#look(), this.#over.signal);
    on("sent", (sent) => sent.id === this.#upload && this.#sent(), this.#over.signal);
    on("news", (news) => news.thread === this.#thread && void this.#stillAsked(), this.#over.signal);
    on("look", () => void this.#stillAsked(), this.#over.signal);
    const film = kept.get(this.#request);
    if (film) this.#show(film, "This was not sent yet. Look at it, then send it.");
    else this.#is("idle", "", false);
    if (location.hash === "#record" || location.hash === "#choose") one(location.hash, root)?.focus();
    void uploads.start().then(() => this.#adopt());
  }

  close(): void {
    this.#over.abort();
    this.#recorder?.stop();
    this.#closeCamera();
    if (this.#url) URL.revokeObjectURL(this.#url);
  }

  get #thread(): string {
    return this.#data.thread ?? "";
  }

  get #request(): string {
    return this.#data.request ?? "";
  }

  get #seconds(): number {
    return Number(this.#data.seconds) || 45;
  }

  /** Draws a phase: its buttons, what is seen, what is said. */
  #is(phase: Phase, words = "", focus = true): void {
    this.#phase = phase;
    this.root.dataset.phase = phase;
    const inside = this.root.contains(document.activeElement) || document.activeElement === document.body;
    for (const part of all<HTMLElement>(".do > *", this.root)) part.hidden = !BUTTONS[phase].includes(part.dataset.do ?? "");
    const turn = one("[data-do=turn]", this.root);
    if (turn) turn.hidden = phase !== "ready" || this.#cameras.length < 2;
    const shown: Record<string, boolean> = {
      ".camera": phase === "ready" || phase === "recording",
      ".taken": this.#url !== "" && (phase === "taken" || phase === "sending" || phase === "refused"),
      ".countdown": phase === "recording",
      ".who-sees": phase === "taken",
      ".way": phase === "sending",
    };
    for (const [selector, is] of Object.entries(shown)) for (const part of all<HTMLElement>(selector, this.root)) part.hidden = !is;
    const stage = one(".stage", this.root);
    if (stage) stage.hidden = !shown[".camera"] && !shown[".taken"];
    this.#say(words);
    if (phase !== "refused" && phase !== "idle" && phase !== "over") this.#problem("");
    if (focus && inside) one<HTMLElement>(`.do > [data-do=${BUTTONS[phase][0]}]`, this.root)?.focus({ preventScroll: true });
  }

  #say(words: string): void {
    const said = one(".said", this.root);
    if (said && said.textContent !== words) said.textContent = words;
  }

  /** What went wrong, and what to do. */
  #problem(words: string): void {
    const box = one(".problem-box", this.root);
    if (!box) return;
    box.replaceChildren();
    if (!words) return;
    const line = document.createElement("p");
    line.className = "problem";
    line.textContent = words;
    box.append(line);
  }

  #press(what: string): void {
    if (what === "open" || what === "again") this.#retake();
    else if (what === "start") this.#start();
    else if (what === "stop") this.#recorder?.stop();
    else if (what === "turn") void this.#turn();
    else if (what === "send") this.#send();
    else if (what === "choose") one<HTMLInputElement>("input[type=file]", this.root)?.click();
    else if (what === "cancel") this.#cancel();
  }

  #retake(): void {
    this.#putAway();
    this.#forget();
    void this.#open();
  }

  async #open(camera: MediaTrackConstraints = { ...CAMERA, facingMode: "user" }): Promise<void> {
    this.#is("opening", "Your browser asks whether this page may use the camera and the microphone: allow it.");
    try {
      const stream = await openDevice({ camera });
      if (this.#over.signal.aborted || this.#phase !== "opening") return closeDevice(stream);
      this.#stream = stream;
      const view = one<HTMLVideoElement>(".camera", this.root);
      if (view) {
        view.srcObject = stream;
        // One sees oneself as in a mirror; what the other side of a phone sees is not turned.
        view.classList.toggle("mirror", stream.getVideoTracks()[0]?.getSettings().facingMode !== "environment");
      }
      await this.#count();
      if (this.#stream !== stream) return;
      this.#is("ready", `Start when you are ready. It stops by itself after ${this.#seconds} seconds.`);
    } catch (error) {
      if (!(error instanceof NoDevice)) throw error;
      if (this.#phase !== "opening") return;
      this.#is("idle");
      this.#problem(`${error.words} Or choose a video that you have.`);
    }
  }

  async #count(): Promise<void> {
    const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    this.#cameras = devices.filter((one) => one.kind === "videoinput" && one.deviceId).map((one) => one.deviceId);
  }

  async #turn(): Promise<void> {
    const now = this.#stream?.getVideoTracks()[0]?.getSettings().deviceId ?? "";
    const next = this.#cameras[(this.#cameras.indexOf(now) + 1) % this.#cameras.length];
    this.#closeCamera();
    await this.#open(next ? { ...CAMERA, deviceId: { exact: next } } : undefined);
  }

  #start(): void {
    if (!this.#stream) return;
    recording = true;
    endSounds();
    this.#near = false;
    const left = one(".countdown .left", this.root);
    this.#recorder = new Recorder(this.#stream, {
      seconds: this.#seconds,
      types: TYPES,
      videoBits: VIDEO_BITS,
      audioBits: AUDIO_BITS,
      ticked: (ms) => {
        const rest = this.#seconds * 1000 - ms;
        const words = `${clock(rest + 999)} left`;
        if (left && left.textContent !== words) left.textContent = words;
        if (rest < SOON_MS && !this.#near) this.#say("It stops by itself in ten seconds.");
        this.#near ||= rest < SOON_MS;
      },
      changed: () => undefined,
      ended: (why, taken) => this.#ended(why, taken),
    });
    if (left) left.textContent = `${clock(this.#seconds * 1000)} left`;
    this.#is("recording", `Recording. It stops by itself after ${this.#seconds} seconds.`);
  }

  #ended(why: Ended, taken: Recording): void {
    recording = false;
    this.#recorder = null;
    this.#closeCamera();
    const film = { blob: taken.blob, name: recordingName("Short video", taken.mediaType, taken.at), mediaType: taken.mediaType };
    kept.set(this.#request, film);
    if (!this.#over.signal.aborted) this.#show(film, `${clock(taken.ms)} recorded. ${ENDS[why]}`);
  }

  #show(film: Film, words: string): void {
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = URL.createObjectURL(film.blob);
    const player = one<HTMLVideoElement>(".taken", this.root);
    if (player) {
      player.src = this.#url;
      findLength(player);
    }
    this.#is("taken", words);
  }

  /** A file of the device: what is too long or too large is said at once, where the browser can tell. */
  async #chosen(input: HTMLInputElement): Promise<void> {
    const file = input.files?.[0];
    input.value = "";
    if (!file) return;
    this.#putAway();
    this.#forget();
    this.#closeCamera();
    const most = Number(this.#data.mostBytes) || Infinity;
    const seconds = await lengthOf(file);
    if (this.#over.signal.aborted || this.#phase === "over") return;
    if (seconds === null) return this.#refused(file.type.startsWith("video/") ? UNPLAYABLE : NO_VIDEO);
    if (file.size > most) return this.#refused(`This video has ${Math.ceil(file.size / 1e6)} MB; ${Math.floor(most / 1e6)} MB is the most. Choose a smaller one, or record one here.`);
    if (seconds * 1000 > this.#seconds * 1000 + TOLERANCE_MS)
      return this.#refused(`This video is ${Math.max(this.#seconds + 1, Math.round(seconds))} seconds long; ${this.#seconds} is the most. Record it again a little shorter.`);
    const film = { blob: file, name: file.name, mediaType: file.type };
    kept.set(this.#request, film);
    this.#show(film, "Look at it, then send it.");
  }

  #refused(words: string): void {
    this.#is("refused");
    this.#problem(words);
  }

  #send(): void {
    const film = kept.get(this.#request);
    if (!film) return;
    const show = one<HTMLInputElement>("input[name=show]:checked", this.root)?.value === "1";
    const values: Record<string, string> = { request: this.#request, ...(show ? { show: "1" } : {}) };
    this.#is("sending", "On its way…");
    this.#upload = this.uploads.add(this.#thread, "video.begin", film.blob, film.name, film.mediaType, values);
    this.#look();
  }

  /** Goes on with what an earlier page, or this one before it showed something else, has begun to send. */
  #adopt(): void {
    const going = this.uploads.list(this.#thread).find((one) => one.action === "video.begin" && one.values.request === this.#request && one.phase !== "sent");
    if (!going || this.#over.signal.aborted || this.#phase !== "idle") return;
    this.#upload = going.id;
    this.#is("sending", "On its way…", false);
    this.#look();
  }

  /** Draws how far it is. */
  #look(): void {
    const upload = this.uploads.list(this.#thread).find((one) => one.id === this.#upload);
    if (!upload || this.#phase !== "sending") return;
    if (upload.phase === "sent") return this.#sent();
    if (upload.phase === "refused" || upload.phase === "held" || upload.phase === "lost") {
      const words = upload.phase === "lost" ? "This was not sent yet, and this page does not have it any more. Record it again, or choose it once more." : upload.words;
      this.#putAway();
      this.#refused(words);
      return void this.#stillAsked(words);
    }
    this.#say(wordsOf(upload));
    const bar = one<HTMLProgressElement>(".way", this.root);
    if (bar) bar.value = upload.size ? upload.sent / upload.size : 0;
  }

  /** Withdrawn, or answered from elsewhere: nobody can take a video any more, and whoever is about to make one is told at once. */
  async #stillAsked(words = ""): Promise<void> {
    if (covered() || ENDED.has(this.#phase)) return;
    const answer = await askWhetherOpen(this.#request);
    // What is being sent meanwhile is answered by the clinic itself.
    if (answer === "" || this.#over.signal.aborted || ENDED.has(this.#phase)) return;
    this.#recorder?.drop();
    this.#recorder = null;
    recording = false;
    this.#closeCamera();
    this.#forget();
    this.#is("over");
    this.#problem(words || answer);
  }

  #sent(): void {
    if (this.#phase !== "sending") return;
    this.#upload = "";
    this.#forget();
    this.#is("sent", "Sent. It stands in the thread now.");
  }

  #cancel(): void {
    if (this.#upload) void this.uploads.discard(this.#upload);
    this.#upload = "";
    this.#closeCamera();
    const film = kept.get(this.#request);
    if (film) this.#show(film, "It was not sent.");
    else this.#is("idle");
  }

  #putAway(): void {
    if (this.#upload) void this.uploads.discard(this.#upload);
    this.#upload = "";
  }

  #forget(): void {
    kept.delete(this.#request);
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = "";
    one(".taken", this.root)?.removeAttribute("src");
  }

  #closeCamera(): void {
    if (this.#stream) closeDevice(this.#stream);
    this.#stream = null;
    const view = one<HTMLVideoElement>(".camera", this.root);
    if (view) view.srcObject = null;
  }
}

function wordsOf(upload: Upload): string {
  if (upload.phase === "stalled") return "No answer from the clinic; it goes on by itself.";
  if (upload.phase === "checked") return "It has arrived, and is being checked.";
  if (upload.phase === "elsewhere") return "On its way from another window.";
  return "On its way…";
}

/** Asks the clinic whether a request waits still. Returns "" while it does, and where nobody can tell; else words. */
async function askWhetherOpen(request: string): Promise<string> {
  try {
    const { html } = await getFragments(`/videos/${encodeURIComponent(request)}`);
    const main = parse(html).find((part) => part.id === "main");
    if (!main || one(".film", main)) return "";
    return one(".stands", main)?.textContent?.trim() ?? "";
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return NOT_THERE;
    live.missed(error);
    return "";
  }
}

/** Brings the page to life, where #main shows it. */
export function mountFilm(main: ParentNode, uploads: Uploads): FilmMaker | null {
  const root = one(".film[data-request]", main);
  // The page of a request that is not open any more: what was recorded for it is nobody's, and asks nobody to stay.
  const path = /^\/videos\/([^/]+)$/.exec(location.pathname);
  if (!root && path?.[1]) kept.delete(path[1]);
  return root ? new FilmMaker(root, uploads) : null;
}

/** How many films would end with this page. */
export function unsentFilms(): number {
  return kept.size + (recording ? 1 : 0);
}
