// The outbox: nothing lost, nothing doubled, in order, one tab at a time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../../../web/frontend/src/backoff.ts";
import { freshId } from "../../../web/frontend/src/ids.ts";
import { MOST_FAULTS, Outbox } from "../../../web/frontend/src/outbox.ts";

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
function tab({ store = mapStore(), answers = [], lock = { last: Promise.resolve() }, server = [], now, answer: reply } = {}) {
  const seen = { sent: [], timers: [], signedOut: 0, changed: [] };
  const outbox = new Outbox({
    store,
    account: "ana",
    backoff: new Backoff(1_000, 30_000, () => 1),
    now,
    async send(item) {
      await Promise.resolve();
      const answer = reply?.(item) ?? answers.shift() ?? { kind: "sent", entry: `e-${item.values.body}` };
      if (answer.kind === "sent" || answer.stored) server.push(item.values.body);
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
    sent: (item, entry) => seen.sent.push([item.values.body, entry]),
    signedOut: () => (seen.signedOut += 1),
  });
  return { outbox, seen, server, store, lock };
}

const bodies = (outbox, thread = "t1") => outbox.items(thread).map(({ values }) => values.body);
const settle = () => new Promise((done) => setTimeout(done, 5));

test("messages are sent in order and then gone", async () => {
  const { outbox, seen } = tab();
  for (const id of ["a", "b", "c"]) outbox.add("t1", "text.post", { body: id });
  await settle();
  assert.deepEqual(seen.sent.map(([body]) => body), ["a", "b", "c"]);
  assert.equal(outbox.waiting(), 0);
});

test("a lost answer is sent again under the same id after a growing wait", async () => {
  const answers = [{ kind: "again", waitMs: 0, stored: true }, { kind: "again", waitMs: 0 }];
  const { outbox, seen, server } = tab({ answers });
  outbox.add("t1", "text.post", { body: "a" });
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
  outbox.add("t1", "text.post", { body: "a" });
  outbox.add("t1", "text.post", { body: "b" });
  await settle();
  for (const timer of seen.timers) if (timer.on) timer.work();
  await settle();
  assert.deepEqual(server, ["a", "b"]);
});

test("the server's own wait is kept to", async () => {
  const { outbox, seen } = tab({ answers: [{ kind: "again", waitMs: 12_000 }] });
  outbox.add("t1", "text.post", { body: "a" });
  await settle();
  assert.equal(seen.timers.at(-1).ms, 12_000);
});

test("a refusal keeps the text with its words and lets the next one pass", async () => {
  const { outbox, server } = tab({ answers: [{ kind: "refused", text: "a form feed" }] });
  const id = outbox.add("t1", "text.post", { body: "a" });
  outbox.add("t1", "text.post", { body: "b" });
  await settle();
  assert.deepEqual(server, ["b"]);
  assert.deepEqual(outbox.items("t1").map(({ values, refused }) => [values.body, refused]), [["a", "a form feed"]]);
  assert.equal(outbox.remove("t1", id).values.body, "a");
  assert.equal(outbox.waiting(), 0);
});

test("a session that ended keeps everything and stops trying", async () => {
  const { outbox, seen } = tab({ answers: [{ kind: "signed-out" }] });
  outbox.add("t1", "text.post", { body: "a" });
  await settle();
  assert.equal(seen.signedOut, 1);
  assert.equal(seen.timers.length, 0);
  assert.equal(outbox.waiting(), 1);
});

test("two tabs of one browser share the outbox and send each message once", async () => {
  const first = tab();
  const second = tab({ store: first.store, lock: first.lock, server: first.server });
  for (const id of ["a", "b", "c"]) {
    first.outbox.add("t1", "text.post", { body: id });
    second.outbox.flush();
  }
  await settle();
  assert.deepEqual([...first.server].sort(), ["a", "b", "c"]);
});

test("threads do not mix, and an account does not see another's", async () => {
  const { outbox, store, server } = tab();
  const hers = { id: "x", thread: "t1", body: "x", at: "2026-11-22T10:00:00.000Z", turn: 1, refused: null };
  store.set("bedside:boris:outbox:t1:x", JSON.stringify(hers));
  outbox.add("t1", "text.post", { body: "a" });
  outbox.add("t2", "text.post", { body: "b" });
  await settle();
  assert.deepEqual(bodies(outbox), []);
  assert.deepEqual(server.sort(), ["a", "b"]);
  assert.notEqual(store.get("bedside:boris:outbox:t1:x"), null);
});

test("a spoilt store is an empty one", () => {
  const { outbox, store } = tab();
  store.set("bedside:ana:outbox:t1:x", "{");
  assert.deepEqual(outbox.items("t1"), []);
});

/** One process's view of a storage that two share: writes arrive in the other only when `deliver` is called. */
function lateStores() {
  const maps = [new Map(), new Map()];
  const late = [[], []];
  const storeOf = (own) => ({
    get: (key) => maps[own].get(key) ?? null,
    set: (key, value) => (maps[own].set(key, value), late[1 - own].push((map) => map.set(key, value))),
    remove: (key) => (maps[own].delete(key), late[1 - own].push((map) => map.delete(key))),
    keys: () => [...maps[own].keys()],
  });
  const deliver = () => [0, 1].forEach((to) => late[to].splice(0).forEach((change) => change(maps[to])));
  return { stores: [storeOf(0), storeOf(1)], deliver };
}

test("two tabs that see each other's writes late lose nothing", async () => {
  const { stores, deliver } = lateStores();
  let on = false;
  const answer = () => (on ? null : { kind: "again", waitMs: 0 });
  const first = tab({ store: stores[0], answer });
  const second = tab({ store: stores[1], lock: first.lock, server: first.server, answer });
  for (const number of [1, 2, 3]) {
    first.outbox.add("t1", "text.post", { body: `first ${number}` });
    second.outbox.add("t1", "text.post", { body: `second ${number}` });
  }
  await settle();
  deliver();
  assert.equal(first.outbox.waiting(), 6);
  assert.deepEqual(bodies(first.outbox), bodies(second.outbox));
  on = true;
  first.outbox.flush();
  await settle();
  assert.deepEqual(first.server.toSorted(), ["first 1", "first 2", "first 3", "second 1", "second 2", "second 3"]);
});

test("a clock that is put back does not change the order", async () => {
  let clock = 5_000;
  const { outbox, server } = tab({ answers: [{ kind: "again", waitMs: 0 }], now: () => (clock -= 1_000) });
  for (const body of ["a", "b", "c"]) outbox.add("t1", "text.post", { body });
  assert.deepEqual(bodies(outbox), ["a", "b", "c"]);
  await settle();
  outbox.flush();
  await settle();
  assert.deepEqual(server, ["a", "b", "c"]);
});

test("a thread that has to wait does not hold up the others", async () => {
  const { outbox, server, seen } = tab({ answer: ({ thread }) => (thread === "t1" ? { kind: "again", waitMs: 7_000 } : null) });
  outbox.add("t1", "text.post", { body: "a" });
  outbox.add("t2", "text.post", { body: "b" });
  await settle();
  assert.deepEqual(server, ["b"]);
  assert.equal(seen.timers.at(-1).ms, 7_000);
});

test("a text on which the server fails again and again is given back with words, and the next one passes", async () => {
  const { outbox, server, seen } = tab({ answer: ({ values }) => (values.body === "a" ? { kind: "again", waitMs: 0, fault: "number 7" } : null) });
  outbox.add("t1", "text.post", { body: "a" });
  outbox.add("t1", "text.post", { body: "b" });
  await settle();
  for (let tries = 0; tries < MOST_FAULTS && outbox.items("t1")[0].refused === null; tries += 1) {
    seen.timers.at(-1).work();
    await settle();
  }
  assert.deepEqual(outbox.items("t1").map(({ values, refused }) => [values.body, refused]), [["a", "The server failed on it 5 times. number 7"]]);
  assert.deepEqual(server, ["b"]);
});

test("a server that is away for long refuses nothing", async () => {
  const { outbox, seen } = tab({ answer: () => ({ kind: "again", waitMs: 0, fault: null }) });
  outbox.add("t1", "text.post", { body: "a" });
  for (let tries = 0; tries < 3 * MOST_FAULTS; tries += 1) {
    await settle();
    seen.timers.at(-1).work();
  }
  await settle();
  assert.equal(outbox.items("t1")[0].refused, null);
});

test("ids are random UUIDs where the browser has no function for them, too", () => {
  const plain = { getRandomValues: (bytes) => crypto.getRandomValues(bytes) };
  const made = new Set(Array.from({ length: 100 }, () => freshId(plain)));
  assert.equal(made.size, 100);
  for (const id of made) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("a text that an older version kept is still sent as a text", async () => {
  const store = mapStore();
  const kept = { id: "old", thread: "t1", body: "typed before the update", at: "2026-11-01T10:00:00.000Z", turn: 1, refused: null };
  store.set("bedside:ana:outbox:t1:old", JSON.stringify(kept));
  const { outbox, server } = tab({ store });
  const [item] = outbox.items("t1");
  assert.deepEqual([item.id, item.action, item.values], ["old", "text.post", { body: "typed before the update" }]);
  outbox.flush();
  await settle();
  assert.deepEqual(server, ["typed before the update"]);
  assert.equal(outbox.waiting(), 0);
});

test("what is no text waits in the same order and keeps its action and values", async () => {
  const sent = [];
  const { outbox } = tab({ answer: (item) => (sent.push([item.action, item.values]), { kind: "sent", entry: null }) });
  outbox.add("t1", "text.post", { body: "onw" });
  outbox.add("t1", "text.correct", { entry: "e1", body: "one" });
  outbox.add("t1", "text.react", { entry: "e1", emojis: "" });
  await settle();
  assert.deepEqual(sent, [["text.post", { body: "onw" }], ["text.correct", { entry: "e1", body: "one" }], ["text.react", { entry: "e1", emojis: "" }]]);
});

test("what is held back stays with its words and is sent again by hand alone, under the same id", async () => {
  let open = false;
  const answer = (item) => (open ? undefined : { kind: "refused", text: `answer first: ${item.values.body}`, held: true });
  const { outbox, server, seen } = tab({ answer });
  const id = outbox.add("t1", "text.post", { body: "a" });
  outbox.add("t1", "text.post", { body: "b" });
  await settle();
  open = true;
  outbox.flush();
  await settle();
  assert.deepEqual(server, []);
  assert.deepEqual(outbox.items("t1").map(({ values, refused, held }) => [values.body, refused, held]), [
    ["a", "answer first: a", true],
    ["b", "answer first: b", true],
  ]);
  outbox.again("t1", id);
  assert.equal(outbox.items("t1")[0].id, id);
  await settle();
  assert.deepEqual(server, ["a"]);
  assert.deepEqual(bodies(outbox), ["b"]);
  assert.equal(seen.signedOut, 0);
});

test("what was not refused, or is gone, is not sent again", async () => {
  const { outbox, server } = tab();
  outbox.again("t1", "nothing");
  const id = outbox.add("t1", "text.post", { body: "a" });
  outbox.again("t1", id);
  await settle();
  assert.deepEqual(server, ["a"]);
});
