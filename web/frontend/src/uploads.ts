// Files on their way to the clinic, in whatever page one is: announced, carried over any cut, looked at there, and then an entry of their thread.
// Pure: requests, storage, timers and locks are handed in, and tests hand in their own (uploader.ts joins it to the server).
import { Backoff } from "./backoff.ts";
import { freshId } from "./ids.ts";
import { type Kept, KEPT_BYTES } from "./keeping.ts";
import type { Answered, Around, Phase, Told, Upload } from "./upload.ts";
import type { Values } from "./outbox.ts";

/** So many are carried at once; the others wait for their turn. */
export const AT_ONCE = 2;
const LOOKS_MS = [300, 500, 800, 1_200, 2_000, 3_000, 5_000];
const RUNS: ReadonlySet<Phase> = new Set(["pasted", "waits", "sends", "stalled"]);
const GONE = "The clinic has nothing of this file any more. Choose it again and send it once more.";

const plain = (name: string) => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");

export class Uploads {
  readonly #all = new Map<string, Upload>();
  readonly #over = new Map<string, AbortController>();
  #carried = 0;
  readonly #turns: (() => void)[] = [];
  #begun: Promise<void> | null = null;

  constructor(readonly around: Around) {}

  /** Goes on with what an earlier page of this browser has left. */
  start(): Promise<void> {
    this.#begun ??= this.around.keeping.all().then((kept) => kept.sort((one, two) => (one.at < two.at ? -1 : 1)).forEach((one) => this.#adopt(one)));
    return this.#begun;
  }

  /** The thread's uploads, the oldest first. */
  list(thread: string): Upload[] {
    return [...this.#all.values()].filter((one) => one.thread === thread);
  }

  /** How many would end with this page. */
  running(): number {
    return [...this.#all.values()].filter((one) => RUNS.has(one.phase)).length;
  }

  /** Takes a file in, and begins. Returns its client id. */
  add(thread: string, action: string, file: Blob, name: string, mediaType: string, values: Values): string {
    const id = this.hold(thread, action, file, name, mediaType);
    this.release(id, values);
    return id;
  }

  /** Takes a file in that waits until it is released: until then it is in this page alone. Returns its client id. */
  hold(thread: string, action: string, file: Blob, name: string, mediaType: string): string {
    const upload: Upload = {
      id: freshId(), thread, action, values: {}, name, size: file.size, mediaType, at: new Date().toISOString(),
      uid: null, file, sent: 0, phase: "pasted", words: "",
    };
    this.#all.set(upload.id, upload);
    this.around.changed(thread);
    return upload.id;
  }

  /** Begins with what was held. */
  release(id: string, values: Values): void {
    const held = this.#all.get(id);
    if (held?.phase !== "pasted") return;
    const upload: Upload = { ...held, values, phase: "waits", at: new Date().toISOString() };
    this.#all.set(id, upload);
    this.around.changed(upload.thread);
    void this.#keep(upload).then(() => this.#run(upload));
  }

  /** Takes account of what the server told with a page: what is on its way, held back or refused, perhaps from another window or device. */
  async known(told: Told[]): Promise<void> {
    await this.start();
    for (const one of told) {
      const mine = this.#all.get(one.client_id);
      if (mine) {
        mine.uid ??= one.uid;
        if (mine.phase === "lost" && one.state !== "open") this.#stands(mine, one);
        continue;
      }
      const upload: Upload = {
        id: one.client_id, thread: one.thread, action: one.purpose === "voice" ? "voice.begin" : "file.begin", values: one.note ? { note: "1" } : {},
        name: one.name, size: one.size_bytes, mediaType: "", at: new Date().toISOString(), uid: one.uid, file: null, sent: 0, phase: "lost", words: "",
      };
      this.#all.set(upload.id, upload);
      this.#stands(upload, one);
    }
  }

  /** Goes on with a file whose bytes were not here. Returns words when it is another one. */
  give(id: string, file: File): string | null {
    const upload = this.#all.get(id);
    if (!upload || upload.phase !== "lost") return null;
    if (file.size !== upload.size || plain(file.name) !== plain(upload.name)) return `This is another file. Choose “${upload.name}” as it was, or discard it here and send the other one as a new one.`;
    upload.file = file;
    this.#becomes(upload, "waits");
    void this.#run(upload);
    return null;
  }

  /** Tries again what was held back, as its sender asks. */
  again(id: string): void {
    const upload = this.#all.get(id);
    if (upload?.phase !== "held") return;
    const checked = upload.uid !== null;
    this.#becomes(upload, checked ? "checked" : "waits");
    void this.#run(upload, checked ? (signal) => this.#resend(upload, signal) : undefined);
  }

  /** Gives an upload up, or puts away what was refused. */
  async discard(id: string): Promise<void> {
    const upload = this.#all.get(id);
    if (!upload || upload.phase === "stops") return;
    const { uid } = upload;
    if (!uid) {
      this.#over.get(id)?.abort();
      return this.#forget(upload);
    }
    this.#becomes(upload, "stops");
    this.#over.get(id)?.abort();
    await this.around.keeping.remove(id);
    const [backoff, never] = [this.#backoff(), new AbortController()];
    for (;;) {
      const answer = await this.around.cancel(uid);
      if (answer.kind === "signed-out") return this.around.signedOut();
      if (answer.kind !== "again") break;
      await this.around.rest(backoff.next(answer.waitMs), "", never.signal);
    }
    // Too late, it is sent already: then its entry comes, and can be taken back there.
    const told = await this.around.look(uid);
    if (told.kind === "done" && told.value.state === "sent") this.#sent(upload);
    else await this.#forget(upload);
  }

  /** Its entry is on the page. */
  arrived(id: string): void {
    const upload = this.#all.get(id);
    if (!upload) return;
    this.#over.get(id)?.abort();
    void this.#forget(upload);
  }

  #backoff(): Backoff {
    return this.around.backoff?.() ?? new Backoff();
  }

  #adopt(kept: Kept): void {
    if (this.#all.has(kept.id)) return;
    const { account: _account, bytes, held, ...rest } = kept;
    const refused = kept.words !== "";
    const upload: Upload = { ...rest, file: bytes, sent: 0, phase: refused ? (held ? "held" : "refused") : bytes ? "waits" : "lost" };
    this.#all.set(upload.id, upload);
    this.around.changed(upload.thread);
    if (!refused) void this.#run(upload);
  }

  async #keep(upload: Upload): Promise<void> {
    if (!this.#all.has(upload.id)) return;
    const { id, thread, action, values, name, size, mediaType, at, uid, file } = upload;
    const refused = upload.phase === "held" || upload.phase === "refused";
    const bytes = file && size <= KEPT_BYTES ? file : null;
    const kept = { account: this.around.account, id, thread, action, values, name, size, mediaType, at, uid, words: refused ? upload.words : "", held: upload.phase === "held", bytes };
    await this.around.keeping.put(kept);
  }

  async #forget(upload: Upload): Promise<void> {
    this.#all.delete(upload.id);
    this.around.changed(upload.thread);
    await this.around.keeping.remove(upload.id);
  }

  #becomes(upload: Upload, phase: Phase, words = ""): void {
    if (upload.phase === "stops" && phase !== "sent") return;
    upload.phase = phase;
    upload.words = words;
    if (this.#all.has(upload.id)) this.around.changed(upload.thread);
  }

  /** Takes over what the server said of it. Returns whether nothing more is to be done here. */
  #stands(upload: Upload, told: Told): boolean {
    if (told.state === "held") this.#becomes(upload, "held", told.words);
    else if (told.state === "refused") this.#becomes(upload, "refused", told.words);
    else if (told.state === "sent") this.#sent(upload);
    else if (told.state === "cancelled") void this.#forget(upload);
    else if (told.state === "open") {
      if (upload.file) return false;
      this.#becomes(upload, "lost");
    } else {
      const runs = this.#over.has(upload.id);
      this.#becomes(upload, "checked");
      if (!runs) void this.#run(upload);
      return false;
    }
    // What the server keeps need not be kept here, too: the page is told of it.
    if (told.state !== "open") void this.around.keeping.remove(upload.id);
    return true;
  }

  #sent(upload: Upload): void {
    this.#becomes(upload, "sent");
    this.around.sent(upload);
    const over = new AbortController();
    // The page that shows its thread takes it away as its entry arrives; others need not.
    void this.around.rest(5_000, "", over.signal).then(() => this.#forget(upload));
  }

  /** One upload from where it stands to its end, by one window at a time. */
  async #run(upload: Upload, work = (signal: AbortSignal) => this.#through(upload, signal)): Promise<void> {
    if (this.#over.has(upload.id)) return;
    const over = new AbortController();
    this.#over.set(upload.id, over);
    try {
      let waited = false;
      const waits = () => ((waited = true), this.#becomes(upload, "elsewhere"));
      await this.around.alone(upload.id, waits, async () => {
        if (over.signal.aborted) return;
        if (waited && !(await this.#left(upload))) return;
        await work(over.signal);
      });
    } finally {
      if (this.#over.get(upload.id) === over) this.#over.delete(upload.id);
    }
  }

  /** Another window has had it: what it left of it, if it is not done. */
  async #left(upload: Upload): Promise<boolean> {
    const kept = await this.around.keeping.get(upload.id);
    if (!kept) {
      await this.#forget(upload);
      return false;
    }
    upload.uid ??= kept.uid;
    upload.file ??= kept.bytes;
    if (kept.words) this.#becomes(upload, kept.held ? "held" : "refused", kept.words);
    else this.#becomes(upload, upload.file ? "waits" : "lost");
    return kept.words === "" && upload.file !== null;
  }

  async #through(upload: Upload, signal: AbortSignal): Promise<void> {
    if (upload.phase === "lost") return;
    if (upload.phase === "checked") return this.#watch(upload, signal);
    const carried = await this.#inTurn(upload, signal, () => this.#carry(upload, signal));
    if (carried) await this.#watch(upload, signal);
  }

  async #inTurn<T>(upload: Upload, signal: AbortSignal, work: () => Promise<T>): Promise<T | null> {
    if (this.#carried >= AT_ONCE) await new Promise<void>((go) => this.#turns.push(go));
    else this.#carried += 1;
    try {
      return signal.aborted || !this.#all.has(upload.id) ? null : await work();
    } finally {
      const next = this.#turns.shift();
      if (next) next();
      else this.#carried -= 1;
    }
  }

  /** Announces and carries. Returns whether all bytes are there. */
  async #carry(upload: Upload, signal: AbortSignal): Promise<boolean> {
    if (!upload.uid) {
      const begun = await this.#ask(upload, signal, () => this.around.begin(upload));
      if (begun === null) return false;
      if (begun.value === null) {
        this.#sent(upload);
        void this.around.keeping.remove(upload.id);
        return false;
      }
      upload.uid = begun.value;
      if (signal.aborted) return (void this.around.cancel(upload.uid), false);
      await this.#keep(upload);
    }
    const progress = (sent: number) => {
      upload.sent = sent;
      this.#becomes(upload, "sends");
    };
    const carried = await this.#ask(upload, signal, () => (this.#becomes(upload, "sends"), this.around.carry(upload, progress, signal)));
    if (carried) this.#becomes(upload, "checked");
    return carried !== null;
  }

  /** Looks until the clinic has said what it thinks of it. */
  async #watch(upload: Upload, signal: AbortSignal): Promise<void> {
    for (let turn = 0; !signal.aborted && upload.uid; turn++) {
      const uid = upload.uid;
      const told = await this.#ask(upload, signal, () => this.around.look(uid), "checked");
      if (told === null || signal.aborted) return;
      if (told.value.state === "open" && upload.file) {
        // What was carried was not all kept: on from there.
        if (!(await this.#inTurn(upload, signal, () => this.#carry(upload, signal)))) return;
        continue;
      }
      if (this.#stands(upload, told.value)) return;
      await this.around.rest(LOOKS_MS[turn] ?? LOOKS_MS.at(-1) ?? 0, upload.thread, signal);
    }
  }

  /** Asks until there is an answer. Returns null when there is nothing more to do: refused, signed out or given up. */
  async #ask<T>(upload: Upload, signal: AbortSignal, request: () => Promise<Answered<T>>, quiet?: Phase): Promise<{ value: T } | null> {
    const backoff = this.#backoff();
    while (!signal.aborted) {
      const answer = await request();
      if (answer.kind === "done") return { value: answer.value };
      if (signal.aborted) return null;
      if (answer.kind === "signed-out") {
        this.#becomes(upload, "stalled");
        this.around.signedOut();
        return null;
      }
      if (answer.kind === "refused") {
        this.#becomes(upload, answer.held ? "held" : "refused", answer.words || GONE);
        await this.#keep(upload);
        return null;
      }
      if (quiet === undefined) this.#becomes(upload, "stalled");
      await this.around.rest(backoff.next(answer.waitMs), "", signal);
    }
    return null;
  }

  /** Sends what a gate had held back after it was checked. */
  async #resend(upload: Upload, signal: AbortSignal): Promise<void> {
    const answer = await this.#ask(upload, signal, () => this.around.send(upload), "checked");
    if (answer) this.#sent(upload);
  }
}
