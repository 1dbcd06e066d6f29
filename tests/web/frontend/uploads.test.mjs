// Uploads: nothing lost or sent twice over cuts, reloads and windows; what is given up is not sent; what is refused says why.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../../../web/frontend/src/backoff.ts";
import { AT_ONCE, Uploads } from "../../../web/frontend/src/uploads.ts";

const AGAIN = { kind: "again", waitMs: 0 };
const ok = (value = null) => ({ kind: "done", value });
const settle = () => new Promise((done) => setTimeout(done, 10));
const bytes = (size) => new Blob([new Uint8Array(size)]);

/** A clinic that keeps what it is given, and locks and storage that windows of one browser share. */
function house() {
  const uploads = new Map();
  const locks = new Map();
  return { uploads, kept: new Map(), locks, cancelled: [], begun: 0, carried: 0, most: 0, judge: () => ({ state: "sent", words: "" }) };
}

/** One window on it. `fail`: answers to give in place of the clinic's, by request. */
function window(home, fail = {}) {
  const seen = { sent: [], signedOut: 0, rests: [] };
  const instead = (name) => fail[name]?.shift?.();
  const uploads = new Uploads({
    account: "ana",
    keeping: {
      put: async (kept) => void home.kept.set(kept.id, kept),
      get: async (id) => home.kept.get(id) ?? null,
      all: async () => [...home.kept.values()],
      remove: async (id) => void home.kept.delete(id),
    },
    async begin(upload) {
      await settle();
      const answer = instead("begin");
      if (answer) return answer;
      home.begun += 1;
      if (!home.uploads.has(`u-${upload.id}`)) home.uploads.set(`u-${upload.id}`, { state: "open", words: "", size: upload.size, client_id: upload.id });
      return ok(`u-${upload.id}`);
    },
    async carry(upload, progress, signal) {
      home.carried += 1;
      home.now = (home.now ?? 0) + 1;
      home.most = Math.max(home.most, home.now);
      await settle();
      home.now -= 1;
      const answer = instead("carry");
      if (answer) return answer;
      if (signal.aborted) return AGAIN;
      progress(upload.size);
      Object.assign(home.uploads.get(upload.uid), { state: "received" });
      return ok();
    },
    async look(uid) {
      await settle();
      const answer = instead("look");
      if (answer) return answer;
      const stored = home.uploads.get(uid);
      if (stored.state === "received" && !home.slow) Object.assign(stored, home.judge(stored));
      return ok({ uid, thread: "t1", purpose: "file", name: "x", size_bytes: stored.size, client_id: stored.client_id, ...stored });
    },
    async send(upload) {
      const answer = instead("send");
      if (answer) return answer;
      home.uploads.get(upload.uid).state = "sent";
      return ok();
    },
    async cancel(uid) {
      await settle();
      const answer = instead("cancel");
      if (answer) return answer;
      home.cancelled.push(uid);
      home.uploads.get(uid).state = "cancelled";
      return ok();
    },
    async alone(id, waits, work) {
      if (home.locks.has(id)) waits();
      while (home.locks.has(id)) await home.locks.get(id);
      let free;
      home.locks.set(id, new Promise((done) => (free = done)));
      await work().finally(() => (home.locks.delete(id), free()));
    },
    async rest(ms, _thread, signal) {
      seen.rests.push(ms);
      await new Promise((done) => {
        signal.addEventListener("abort", done, { once: true });
        const timer = setTimeout(done, ms >= 5_000 ? 60_000 : 1);
        if (ms >= 5_000) timer.unref();
      });
    },
    changed: () => undefined,
    sent: (upload) => seen.sent.push(upload.name),
    signedOut: () => (seen.signedOut += 1),
    backoff: () => new Backoff(1_000, 30_000, () => 1),
  });
  const add = (name, size = 10) => uploads.add("t1", "file.begin", bytes(size), name, "image/png", {});
  return { uploads, seen, add, phases: () => uploads.list("t1").map((one) => one.phase) };
}

const until = async (found) => {
  for (let turn = 0; turn < 200; turn++) {
    if (found()) return;
    await settle();
  }
  assert.fail(`never: ${found}`);
};

test("several files are carried, a few at once, and each once", async () => {
  const home = house();
  const { add, seen } = window(home);
  for (const name of ["a", "b", "c", "d"]) add(name);
  await until(() => seen.sent.length === 4);
  assert.equal(home.begun, 4);
  assert.equal(home.carried, 4);
  assert.equal(home.most, AT_ONCE);
  assert.equal(home.kept.size, 0);
});

test("what is held is asked about before it is lost, leaves nothing when it is removed, and is sent with what its release says", async () => {
  const home = house();
  const { uploads, seen, phases } = window(home);
  const hold = (name) => uploads.hold("t1", "file.begin", bytes(10), name, "image/png");
  const [a, b] = [hold("a"), hold("b")];
  await settle();
  assert.deepEqual(phases(), ["pasted", "pasted"]);
  assert.equal(uploads.running(), 2);
  await uploads.discard(a);
  await settle();
  assert.deepEqual([home.begun, home.kept.size, home.cancelled.length, uploads.running()], [0, 0, 0, 1]);
  uploads.release(b, { note: "1" });
  uploads.release(b, {});
  uploads.release(a, {});
  assert.deepEqual(uploads.list("t1").map((one) => one.values), [{ note: "1" }]);
  await until(() => seen.sent.length === 1);
  assert.deepEqual([seen.sent, home.begun], [["b"], 1]);
});

test("a cut is tried again with the same upload after a wait", async () => {
  const home = house();
  const { add, seen } = window(home, { begin: [AGAIN], carry: [AGAIN, AGAIN] });
  add("a");
  await until(() => seen.sent.length === 1);
  assert.equal(home.begun, 1);
  assert.equal(home.carried, 3);
  assert.deepEqual(seen.rests.slice(0, 3), [1_000, 1_000, 2_000]);
});

test("a refusal keeps its words until it is put away", async () => {
  const home = house();
  home.judge = () => ({ state: "refused", words: "This is a program." });
  const { uploads, add, phases } = window(home);
  const id = add("a");
  await until(() => phases()[0] === "refused");
  assert.equal(uploads.list("t1")[0].words, "This is a program.");
  await uploads.discard(id);
  assert.deepEqual(uploads.list("t1"), []);
  assert.deepEqual(home.cancelled, [`u-${id}`]);
});

test("what is held back before it begins waits, also over a reload, and goes under the same id", async () => {
  const home = house();
  const first = window(home, { begin: [{ kind: "refused", words: "Answer first.", held: true }] });
  const id = first.add("a");
  await until(() => first.phases()[0] === "held");
  await settle();
  const second = window(home);
  await second.uploads.start();
  assert.deepEqual(second.phases(), ["held"]);
  second.uploads.again(id);
  await until(() => second.seen.sent.length === 1);
  assert.ok(home.uploads.has(`u-${id}`));
});

test("what was checked and held back is sent, not carried again", async () => {
  const home = house();
  home.judge = () => ({ state: "held", words: "Answer first." });
  const { uploads, add, phases, seen } = window(home);
  const id = add("a");
  await until(() => phases()[0] === "held");
  uploads.again(id);
  await until(() => seen.sent.length === 1);
  assert.equal(home.carried, 1);
});

test("after a reload a kept file goes on by itself, under the same upload", async () => {
  const home = house();
  const first = window(home, { carry: Array(1_000).fill(AGAIN) });
  const id = first.add("a");
  await until(() => home.kept.get(id)?.uid);
  home.locks.clear(); // the first window is gone
  const second = window(home);
  await second.uploads.start();
  await until(() => second.seen.sent.length === 1);
  assert.equal(home.begun, 1);
});

test("a large one is chosen again, and only the same one is taken", async () => {
  const home = house();
  home.uploads.set("u-big", { state: "open", words: "", size: 4, client_id: "big" });
  const { uploads, seen, phases } = window(home);
  await uploads.known([{ uid: "u-big", thread: "t1", purpose: "file", name: "scan.dcm", size_bytes: 4, client_id: "big", state: "open", words: "" }]);
  assert.deepEqual(phases(), ["lost"]);
  assert.match(uploads.give("big", new File([new Uint8Array(5)], "scan.dcm")), /another file/);
  assert.match(uploads.give("big", new File([new Uint8Array(4)], "other.dcm")), /another file/);
  assert.equal(uploads.give("big", new File([new Uint8Array(4)], "scan.dcm")), null);
  await until(() => seen.sent.length === 1);
  assert.equal(home.begun, 0);
});

test("two windows carry a file once", async () => {
  const home = house();
  const first = window(home);
  first.add("a", 10);
  await until(() => home.kept.size === 1);
  const second = window(home);
  await second.uploads.start();
  assert.deepEqual(second.phases(), ["elsewhere"]);
  await until(() => first.seen.sent.length === 1 && second.uploads.list("t1").length === 0);
  assert.equal(home.carried, 1);
  assert.deepEqual(second.seen.sent, []);
});

test("what is given up is not sent, also when the clinic hears of it late", async () => {
  const home = house();
  home.slow = true;
  const { uploads, add, phases, seen } = window(home, { cancel: [AGAIN, AGAIN] });
  const id = add("a");
  await until(() => phases()[0] === "checked");
  const over = uploads.discard(id);
  assert.deepEqual(phases(), ["stops"]);
  await over;
  assert.deepEqual(home.cancelled, [`u-${id}`]);
  assert.deepEqual(uploads.list("t1"), []);
  assert.deepEqual(seen.sent, []);
});

test("what is given up too late is shown as sent", async () => {
  const home = house();
  home.slow = true;
  const { uploads, add, phases, seen } = window(home, { cancel: [{ kind: "refused", words: "Sent already." }] });
  const id = add("a");
  await until(() => phases()[0] === "checked");
  home.uploads.get(`u-${id}`).state = "sent";
  await uploads.discard(id);
  assert.deepEqual(seen.sent, ["a"]);
});

test("signed out, it stays and asks nobody", async () => {
  const home = house();
  const { uploads, add, phases, seen } = window(home, { begin: [{ kind: "signed-out" }] });
  add("a");
  await until(() => seen.signedOut === 1);
  assert.deepEqual(phases(), ["stalled"]);
  assert.equal(home.kept.size, 1);
  assert.equal(uploads.running(), 1);
});
