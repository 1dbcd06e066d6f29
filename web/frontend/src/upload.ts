// What an upload is, how it stands, and what is asked for it.
import type { Backoff } from "./backoff.ts";
import type { Keeping } from "./keeping.ts";
import type { Values } from "./outbox.ts";

/**
 * Where an upload stands. pasted: it waits for Send, and nobody but this page knows of it; waits: its turn; sends; stalled: no answer, goes on by itself; checked: the clinic looks at it; held: something waits
 * for an answer first; refused; lost: its bytes are not here, as after a reload; elsewhere: another window carries it; stops: given up, which the
 * clinic is still to hear; sent: its entry comes.
 */
export type Phase = "pasted" | "waits" | "sends" | "stalled" | "checked" | "held" | "refused" | "lost" | "elsewhere" | "stops" | "sent";

export interface Upload {
  /** The client id, which its entry has. */
  readonly id: string;
  readonly thread: string;
  /** The action that announces it, and the values of its fields but for what the file itself says. */
  readonly action: string;
  readonly values: Values;
  readonly name: string;
  readonly size: number;
  readonly mediaType: string;
  readonly at: string;
  uid: string | null;
  file: Blob | null;
  sent: number;
  phase: Phase;
  words: string;
}

/** An upload as the server tells of it: clinic/file/uploading.py, UploadView. */
export interface Told {
  uid: string;
  thread: string;
  purpose: string;
  name: string;
  size_bytes: number;
  client_id: string;
  state: "open" | "received" | "ready" | "held" | "sent" | "refused" | "cancelled";
  words: string;
  note?: boolean;
}

/** What became of one request. */
export type Answered<T> =
  | { kind: "done"; value: T }
  | { kind: "refused"; words: string; held?: boolean }
  | { kind: "again"; waitMs: number }
  | { kind: "signed-out" };

export interface Around {
  account: string;
  keeping: Keeping;
  /** Announces it. Returns its uid; null when its entry is there already. */
  begin(upload: Upload): Promise<Answered<string | null>>;
  /** Carries what the clinic does not have yet. */
  carry(upload: Upload, progress: (sent: number) => void, signal: AbortSignal): Promise<Answered<null>>;
  look(uid: string): Promise<Answered<Told>>;
  /** Sends what was checked and held back. */
  send(upload: Upload): Promise<Answered<null>>;
  cancel(uid: string): Promise<Answered<null>>;
  /** Runs `work` while no other window has this upload; `waits` is called where one has. */
  alone(id: string, waits: () => void, work: () => Promise<void>): Promise<void>;
  /** Resolves after `ms`, sooner when the connection is back or something has happened in the thread. */
  rest(ms: number, thread: string, signal: AbortSignal): Promise<void>;
  changed(thread: string): void;
  sent(upload: Upload): void;
  signedOut(): void;
  backoff?(): Backoff;
}
