// Files on their way, kept in this browser so that a reload loses none: what each is for, and its bytes where they are few. Per account, like all that is kept.

/** What is kept of an upload. bytes: null for a large file, which is chosen again after a reload. */
export interface Kept {
  account: string;
  id: string;
  thread: string;
  action: string;
  values: Record<string, string>;
  name: string;
  size: number;
  mediaType: string;
  at: string;
  /** The upload's uid, once the clinic has named it. */
  uid: string | null;
  /** Why it was refused before the clinic kept anything of it; "" while it was not. */
  words: string;
  held: boolean;
  bytes: Blob | null;
}

export interface Keeping {
  put(kept: Kept): Promise<void>;
  get(id: string): Promise<Kept | null>;
  all(): Promise<Kept[]>;
  remove(id: string): Promise<void>;
}

/** Larger files are not copied into the browser's storage. */
export const KEPT_BYTES = 20_000_000;
const [NAME, TABLE] = ["bedside", "uploads"];

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("storage"));
  });
}

async function opened(): Promise<IDBDatabase> {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(TABLE, { keyPath: ["account", "id"] });
  return done(request);
}

async function use<T>(mode: IDBTransactionMode, work: (table: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await opened();
  try {
    const transaction = database.transaction(TABLE, mode);
    const over = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = transaction.onerror = () => reject(transaction.error ?? new Error("storage"));
    });
    const result = await done(work(transaction.objectStore(TABLE)));
    await over;
    return result;
  } finally {
    database.close();
  }
}

/** Storage that is refused (private windows, a full disk) keeps nothing: uploads then live as long as their page. */
async function quietly<T>(work: Promise<T>, otherwise: T): Promise<T> {
  return work.catch(() => otherwise);
}

const range = (account: string) => IDBKeyRange.bound([account], [account, []]);

/** What this browser keeps for an account. */
export function browserKeeping(account: string): Keeping {
  return {
    put: async (kept) => void (await quietly<unknown>(use("readwrite", (table) => table.put(kept)), null)),
    get: async (id) => (await quietly<Kept | undefined>(use("readonly", (table) => table.get([account, id])), undefined)) ?? null,
    all: () => quietly<Kept[]>(use("readonly", (table) => table.getAll(range(account))), []),
    remove: async (id) => void (await quietly<unknown>(use("readwrite", (table) => table.delete([account, id])), null)),
  };
}

/** Forgets everything that is kept for an account. */
export async function forgetKept(account: string): Promise<void> {
  await quietly<unknown>(use("readwrite", (table) => table.delete(range(account))), null);
}
