// The uploads of this account in this browser, joined to the server: tus carries the bytes, one window at a time.
import { type DetailedError, Upload as Carried } from "tus-js-client";
import { on, tell } from "./events.ts";
import { type Answer, Refused, Unreachable, accountHeader, csrfToken, getJson, post, renewToken } from "./http.ts";
import { browserKeeping } from "./keeping.ts";
import { askBeforeClosing } from "./leaving.ts";
import { live } from "./live.ts";
import type { Answered, Told, Upload } from "./upload.ts";
import { Uploads } from "./uploads.ts";

// A multiple of what the clinic keeps as one piece: what was carried whole is never carried again.
const PIECE_BYTES = 64 * 256 * 1024;
const AGAIN = new Set([0, 408, 409, 423, 425, 429, 500, 502, 503, 504, 507]);

function refusal(error: unknown): Exclude<Answered<never>, { kind: "done" }> {
  if (error instanceof Unreachable) return { kind: "again", waitMs: (error.waitSeconds ?? 0) * 1_000 };
  if (!(error instanceof Refused)) throw error;
  if (error.status === 401) return { kind: "signed-out" };
  const held = error.code === "gated";
  if (held) tell("threads", null); // what stands above the message box is out of date
  return { kind: "refused", words: error.text, held };
}

async function asked<T>(request: Promise<T>): Promise<Answered<T>> {
  try {
    return { kind: "done", value: await request };
  } catch (error) {
    return refusal(error);
  }
}

async function begin(upload: Upload): Promise<Answered<string | null>> {
  const { name, size, mediaType, values, id } = upload;
  const given = { ...values, name, size_bytes: size, media_type: mediaType, client_id: id };
  const answer = await asked(post<Answer>(`/actions/${upload.action}${upload.thread && `/${encodeURIComponent(upload.thread)}`}`, given));
  return answer.kind === "done" ? { kind: "done", value: typeof answer.value.value === "string" ? answer.value.value : null } : answer;
}

const look = (uid: string) => asked(getJson<Told>(`/uploads/${encodeURIComponent(uid)}/state`));

/** What a cut or a refusal of the bytes means: what the server says of the upload decides, where it says anything. */
async function cut(upload: Upload, error: Error | DetailedError): Promise<Answered<null>> {
  const response = "originalResponse" in error ? error.originalResponse : null;
  const status = response?.getStatus() ?? 0;
  if (status === 401) return { kind: "signed-out" };
  const wait = Number(response?.getHeader("Retry-After")) || 0;
  if (AGAIN.has(status)) return { kind: "again", waitMs: wait * 1_000 };
  const told = await look(upload.uid ?? "");
  if (told.kind !== "done") return told;
  if (told.value.state !== "open") return { kind: "done", value: null };
  const said = words(response?.getBody() ?? "");
  if (said.code === "csrf") return (await renewToken().catch(() => false), { kind: "again", waitMs: 0 });
  return { kind: "refused", words: said.text };
}

function words(body: string): { code: string; text: string } {
  try {
    return { code: "", text: "", ...(JSON.parse(body) as { code?: string; text?: string }) };
  } catch {
    return { code: "", text: "" };
  }
}

function carry(upload: Upload, progress: (sent: number) => void, signal: AbortSignal): Promise<Answered<null>> {
  return new Promise((resolve) => {
    if (!upload.file) return resolve({ kind: "refused", words: "" });
    const carried = new Carried(upload.file, {
      uploadUrl: `/uploads/${encodeURIComponent(upload.uid ?? "")}`,
      chunkSize: PIECE_BYTES,
      retryDelays: null, // uploads.ts tries again by itself
      storeFingerprintForResuming: false,
      onBeforeRequest: (request) => {
        const headers = { ...accountHeader(), Accept: "application/json", "X-Bedside-Script": "1", "X-CSRFToken": csrfToken() };
        for (const [name, value] of Object.entries(headers)) request.setHeader(name, value);
      },
      onProgress: progress,
      onSuccess: () => resolve({ kind: "done", value: null }),
      onError: (error) => void cut(upload, error).then(resolve, () => resolve({ kind: "again", waitMs: 0 })),
    });
    const stop = () => (void carried.abort().catch(() => undefined), resolve({ kind: "again", waitMs: 0 }));
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    carried.start();
  });
}

/** Between two looks: until the time is over, the connection is back or something has happened in the thread. */
function rest(ms: number, thread: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = new AbortController();
    const go = () => {
      clearTimeout(timer);
      over.abort();
      resolve();
    };
    const timer = setTimeout(go, ms);
    const until = { signal: over.signal };
    signal.addEventListener("abort", go, until);
    addEventListener("online", go, until);
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && go(), until);
    on("news", (news) => news.thread === thread && go(), over.signal);
  });
}

/** One window at a time; where this page may not ask for locks (plain http on a network address) the server's own turn has to do. */
async function alone(account: string, id: string, waits: () => void, work: () => Promise<void>): Promise<void> {
  if (!navigator.locks) return work();
  const name = `bedside-upload-${account}-${id}`;
  const free = await navigator.locks.request(name, { ifAvailable: true }, async (lock) => {
    if (lock) await work();
    return lock !== null;
  });
  if (free) return;
  waits();
  await navigator.locks.request(name, work);
}

/** The uploads of the signed-in account, kept going for the life of the page: whatever page is shown in it. */
export function startUploads(account: string): Uploads {
  const uploads = new Uploads({
    account,
    keeping: browserKeeping(account),
    begin,
    carry,
    look,
    send: async (upload) => {
      const given = { file: upload.uid, client_id: upload.id };
      const answer = await asked(post<Answer>(`/actions/file.send/${encodeURIComponent(upload.thread)}`, given));
      return answer.kind === "done" ? { kind: "done", value: null } : answer;
    },
    cancel: async (uid) => {
      const answer = await asked(post<Answer>(`/actions/file.cancel/${encodeURIComponent(uid)}`, {}));
      return answer.kind === "done" ? { kind: "done", value: null } : answer;
    },
    alone: (id, waits, work) => alone(account, id, waits, work),
    rest,
    changed: (thread) => tell("uploads", { thread }),
    sent: (upload) => tell("sent", { thread: upload.thread, id: upload.id, entry: null }),
    signedOut: () => live.signedOut(),
  });
  askBeforeClosing(() => uploads.running() > 0);
  void uploads.start();
  return uploads;
}
