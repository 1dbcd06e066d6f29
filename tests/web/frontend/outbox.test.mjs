// The outbox: nothing lost, nothing doubled, in order, one tab at a time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../../../web/frontend/src/backoff.ts";
import { Outbox } from "../../../web/frontend/src/outbox.ts";

function mapStore() {
  const map = new Map();
  return {
    get: (key) => map.get(key) ?? null,
    set: (key, value) => map.set(key, value),
    remove: (key) => map.delete(key),
    keys: () => [...map.keys()],
  };
}

/** A server that answers as told, and an outbox of one tab on it. */
function tab({ store = mapStore(), answers = [], lock = { last: Promise.resolve() }, server = [] } = {}) {
  const seen = { sent: [], timers: [], signedOut: 0, changed: [] };
  const outbox = new Outbox({
    store,
    account: "ana",
    backoff: new Backoff(1_000, 30_000, () => 1),
    async send(item) {
      await Promise.resolve();
      const answer = answers.length ? answers.shift() : { kind: "sent", entry: `e-${item.id}` };
      if (answer.kind === "sent" || answer.stored) server.push(item.id);
      return answer;
    },
    alone(work) {
      const run = lock.last.then(work);
      lock.last = run.catch(() => undefined);
      return run;
    },
    later(work, ms) {
      const timer = { work, ms, on: true };
      seen.timers.push(timer);
      return () => (timer.on = false);
    },
    changed: (thread) => seen.changed.push(thread),
    sent: (item, entry) => seen.sent.push([item.id, entry]),
    signedOut: () => (seen.signedOut += 1),
  });
  return { outbox, seen, server, store, lock };
}

const item = (id, thread = "t1") => ({ id, thread, body: `text ${id}`, at: "2026-11-22T10:00:00.000Z", refused: null });
const settle = () => new Promise((done) => setTimeout(done, 5));

test("messages are sent in order and then gone", async () => {
  const { outbox, seen } = tab();
  for (const id of ["a", "b", "c"]) outbox.add(item(id));
  await settle();
  assert.deepEqual(seen.sent.map(([id]) => id), ["a", "b", "c"]);
  assert.equal(outbox.waiting(), 0);
});

test("a lost answer is sent again under the same id after a growing wait", async () => {
  const answers = [{ kind: "again", waitMs: 0, stored: true }, { kind: "again", waitMs: 0 }];
  const { outbox, seen, server } = tab({ answers });
  outbox.add(item("a"));
  await settle();
  assert.equal(outbox.waiting(), 1);
  assert.equal(seen.timers.at(-1).ms, 1_000);
  seen.timers.at(-1).work();
  await settle();
  assert.equal(seen.timers.at(-1).ms, 2_000);
  seen.timers.at(-1).work();
  await settle();
  assert.deepEqual(server, ["a", "a"]);
  assert.equal(outbox.waiting(), 0);
});

test("what waits behind a lost one is not sent before it", async () => {
  const { outbox, server, seen } = tab({ answers: [{ kind: "again", waitMs: 0 }] });
  outbox.add(item("a"));
  outbox.add(item("b"));
  await settle();
  for (const timer of seen.timers) if (timer.on) timer.work();
  await settle();
  assert.deepEqual(server, ["a", "b"]);
});

test("the server's own wait is kept to", async () => {
  const { outbox, seen } = tab({ answers: [{ kind: "again", waitMs: 12_000 }] });
  outbox.add(item("a"));
  await settle();
  assert.equal(seen.timers.at(-1).ms, 12_000);
});

test("a refusal keeps the text with its words and lets the next one pass", async () => {
  const { outbox, server } = tab({ answers: [{ kind: "refused", text: "a form feed" }] });
  outbox.add(item("a"));
  outbox.add(item("b"));
  await settle();
  assert.deepEqual(server, ["b"]);
  assert.deepEqual(outbox.items("t1").map(({ id, refused }) => [id, refused]), [["a", "a form feed"]]);
  assert.equal(outbox.remove("t1", "a").body, "text a");
  assert.equal(outbox.waiting(), 0);
});

test("a session that ended keeps everything and stops trying", async () => {
  const { outbox, seen } = tab({ answers: [{ kind: "signed-out" }] });
  outbox.add(item("a"));
  await settle();
  assert.equal(seen.signedOut, 1);
  assert.equal(seen.timers.length, 0);
  assert.equal(outbox.waiting(), 1);
});

test("two tabs of one browser share the outbox and send each message once", async () => {
  const first = tab();
  const second = tab({ store: first.store, lock: first.lock, server: first.server });
  for (const id of ["a", "b", "c"]) {
    first.outbox.add(item(id));
    second.outbox.flush();
  }
  await settle();
  assert.deepEqual([...first.server].sort(), ["a", "b", "c"]);
});

test("threads do not mix, and an account does not see another's", async () => {
  const { outbox, store, server } = tab();
  store.set("bedside:boris:outbox:t1", JSON.stringify([item("x")]));
  outbox.add(item("a", "t1"));
  outbox.add(item("b", "t2"));
  await settle();
  assert.deepEqual(outbox.items("t1").map(({ id }) => id), []);
  assert.deepEqual(server.sort(), ["a", "b"]);
  assert.notEqual(store.get("bedside:boris:outbox:t1"), null);
});

test("a spoilt store is an empty one", () => {
  const { outbox, store } = tab();
  store.set("bedside:ana:outbox:t1", "{");
  assert.deepEqual(outbox.items("t1"), []);
});
