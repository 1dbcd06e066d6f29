// What every recording in the page stands on: the device, words where there is none, time that counts, pause, and what comes out of it.
// It draws nothing: voice.ts and the camera have their own panels.

/** Why nothing can be recorded here, and what to do, in words for people. */
export class NoDevice extends Error {
  constructor(readonly words: string) {
    super(words);
  }
}

/** What is recorded with. `camera`: what the picture should be like; null for sound alone. */
export interface Wanted {
  camera: MediaTrackConstraints | null;
  /** A device that the person has chosen before; "" for the browser's own choice. */
  microphone?: string;
}

const device = (wanted: Wanted) => (wanted.camera ? "camera or the microphone" : "microphone");

function words(error: unknown, wanted: Wanted): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError")
    return `This page may not use the ${device(wanted)}. Allow it with the sign beside the address at the top of the browser, then try again.`;
  if (name === "NotFoundError" || name === "OverconstrainedError") return `No ${device(wanted)} was found. Connect one, or switch it on, then try again.`;
  if (name === "NotReadableError" || name === "AbortError")
    return `The ${device(wanted)} does not answer. Close other programs that use it (a call in another window?), then try again.`;
  return `The ${device(wanted)} could not be used. Reload the page and try again; if it stays so, send a file instead.`;
}

/** Why this browser or this address cannot record at all; null where it can. */
export function cannotRecord(): string | null {
  if (!window.isSecureContext)
    return "Browsers give the microphone and the camera to safe connections only, and this page has come without one. Open the clinic’s address that begins with https, or send a file instead.";
  if (!navigator.mediaDevices?.getUserMedia || typeof MediaRecorder === "undefined")
    return "This browser cannot record. Use a current Firefox, Chrome, Edge or Safari, or record with another program and send the file.";
  return null;
}

/** Asks for the device; the browser asks the person. Throws NoDevice. */
export async function openDevice(wanted: Wanted): Promise<MediaStream> {
  const never = cannotRecord();
  if (never) throw new NoDevice(never);
  const sound: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  if (wanted.microphone) sound.deviceId = { exact: wanted.microphone };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: sound, video: wanted.camera ?? false });
  } catch (error) {
    throw new NoDevice(words(error, wanted));
  }
}

export function closeDevice(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

/** Time as people read it: "1:05". */
export function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

const ENDS: Record<string, string> = { "audio/webm": "webm", "audio/ogg": "ogg", "audio/mp4": "m4a", "video/webm": "webm", "video/mp4": "mp4" };

/** What a recording is called: "Voice message 2026-11-30 10.42.webm". */
export function recordingName(what: string, mediaType: string, at: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const moment = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}.${two(at.getMinutes())}`;
  return `${what} ${moment}.${ENDS[mediaType] ?? "bin"}`;
}

export interface Recording {
  blob: Blob;
  /** Without what follows a semicolon: "audio/webm". */
  mediaType: string;
  ms: number;
  at: Date;
}

export type RecorderState = "recording" | "paused" | "stopped";
/** Why a recording has ended: its person stopped it, it is as long as it may be, the device is gone. */
export type Ended = "asked" | "limit" | "lost";

export interface Recorded {
  /** The longest that it may be; it stops there by itself. */
  seconds: number;
  /** Media types, the best first; of none of them, the browser's own. */
  types: string[];
  audioBits?: number;
  videoBits?: number;
  ticked(ms: number): void;
  changed(state: RecorderState): void;
  ended(why: Ended, recording: Recording): void;
}

const TICK_MS = 200;
/** Timers come late in a page that is not looked at; pieces of the recording do not. */
const PIECE_MS = 250;

/** One recording of an open device, from its first moment. The device stays open: whoever opened it closes it. */
export class Recorder {
  readonly #media: MediaRecorder;
  readonly #pieces: Blob[] = [];
  readonly #at = new Date();
  readonly #tick: ReturnType<typeof setInterval>;
  #before = 0;
  #since: number | null = null;
  #why: Ended = "asked";
  #dropped = false;
  #frame: { analyser: AnalyserNode; context: AudioContext; samples: Float32Array<ArrayBuffer> } | null = null;

  constructor(
    readonly stream: MediaStream,
    readonly how: Recorded,
  ) {
    const type = how.types.find((one) => MediaRecorder.isTypeSupported(one));
    this.#media = new MediaRecorder(stream, {
      ...(type ? { mimeType: type } : {}),
      ...(how.audioBits ? { audioBitsPerSecond: how.audioBits } : {}),
      ...(how.videoBits ? { videoBitsPerSecond: how.videoBits } : {}),
    });
    this.#media.ondataavailable = (event) => {
      if (event.data.size > 0) this.#pieces.push(event.data);
      this.#look();
    };
    this.#media.onstop = () => this.#over();
    this.#media.onerror = () => this.stop("lost");
    for (const track of stream.getTracks()) track.addEventListener("ended", () => this.stop("lost"), { once: true });
    this.#tick = setInterval(() => this.#look(), TICK_MS);
    this.#media.start(PIECE_MS);
    this.#since = performance.now();
    this.#listen();
  }

  get state(): RecorderState {
    return this.#media.state === "inactive" ? "stopped" : this.#media.state;
  }

  /** Milliseconds that are recorded, pauses left out. */
  get ms(): number {
    return this.#before + (this.#since === null ? 0 : performance.now() - this.#since);
  }

  /** How loud it is now, 0 to 1; 0 where this browser cannot say. */
  level(): number {
    if (!this.#frame || this.state !== "recording") return 0;
    const { analyser, samples } = this.#frame;
    analyser.getFloatTimeDomainData(samples);
    let squares = 0;
    for (const sample of samples) squares += sample * sample;
    // Speech is seldom louder than -15 dB and a quiet room about -60 dB.
    const decibels = 20 * Math.log10(Math.sqrt(squares / samples.length) || 1e-6);
    return Math.min(1, Math.max(0, (decibels + 60) / 45));
  }

  pause(): void {
    if (this.state !== "recording") return;
    this.#media.pause();
    this.#before = this.ms;
    this.#since = null;
    this.how.changed("paused");
  }

  resume(): void {
    if (this.state !== "paused") return;
    this.#media.resume();
    this.#since = performance.now();
    this.how.changed("recording");
  }

  /** Ends it; `ended` is called with what was recorded. */
  stop(why: Ended = "asked"): void {
    if (this.state === "stopped") return;
    this.#before = this.ms;
    this.#since = null;
    this.#why = why;
    this.#media.stop();
  }

  /** Ends it, and forgets what was recorded. */
  drop(): void {
    this.#dropped = true;
    this.stop();
  }

  #look(): void {
    if (this.state === "stopped") return;
    if (this.ms >= this.how.seconds * 1000) this.stop("limit");
    else this.how.ticked(this.ms);
  }

  #over(): void {
    clearInterval(this.#tick);
    void this.#frame?.context.close();
    this.#frame = null;
    if (this.#dropped) return;
    const mediaType = (this.#media.mimeType.split(";")[0] ?? "").trim();
    const blob = new Blob(this.#pieces, { type: mediaType });
    this.how.changed("stopped");
    this.how.ended(this.#why, { blob, mediaType, ms: Math.min(this.ms, this.how.seconds * 1000), at: this.#at });
  }

  #listen(): void {
    if (this.stream.getAudioTracks().length === 0 || typeof AudioContext === "undefined") return;
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    context.createMediaStreamSource(this.stream).connect(analyser);
    this.#frame = { analyser, context, samples: new Float32Array(analyser.fftSize) };
  }
}
