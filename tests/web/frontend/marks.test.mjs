// Marks: the newest only, at most once in the gap, never backwards, given up when refused; and the waits between reconnects.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../../../web/frontend/src/backoff.ts";
import { Refused, Unreachable } from "../../../web/frontend/src/http.ts";
import { Marker } from "../../../web/frontend/src/marks.ts";
import { dayName } from "../../../web/frontend/src/times.ts";

/** A marker whose next tries fail with `failures`, one each. `tried` and `told` list entries, `waits` the milliseconds between tries. */
function marker(...failures) {
  const tried = [];
  const told = [];
  const timers = [];
  const waits = [];
  const made = new Marker(
    async (uid) => {
      tried.push(uid);
      const failure = failures.shift();
      if (failure) throw failure;
      told.push(uid);
    },
    (work, ms) => {
      timers.push(work);
      waits.push(ms);
      return () => timers.splice(timers.indexOf(work), 1);
    },
    1_000,
    new Backoff(1_000, 30_000, () => 1),
  );
  return { made, tried, told, timers, waits };
}

const settle = () => new Promise((done) => setTimeout(done, 2));

test("the first is told at once, of those that follow the newest after the gap", async () => {
  const { made, told, timers } = marker();
  for (const [uid, order] of [["a", 1], ["b", 2], ["c", 3]]) made.see(uid, order);
  await settle();
  assert.deepEqual(told, ["a"]);
  timers.shift()();
  await settle();
  assert.deepEqual(told, ["a", "c"]);
});

test("an earlier entry, or the same again, is never told", async () => {
  const { made, told, timers } = marker();
  made.see("c", 3);
  made.see("c", 3);
  await settle();
  timers.shift()();
  made.see("a", 1);
  await settle();
  assert.deepEqual(told, ["c"]);
  assert.equal(made.covers(2), true);
  assert.equal(made.covers(4), false);
});

test("a lost mark is told again", async () => {
  const { made, told, timers } = marker(new Unreachable());
  made.see("a", 1);
  await settle();
  timers.shift()();
  await settle();
  assert.deepEqual(told, ["a"]);
});

test("a refused mark is given up, and a newer one is still told", async () => {
  const { made, tried, told, timers } = marker(new Refused(404, "not-found", "There is nothing here", null));
  made.see("a", 1);
  await settle();
  while (timers.length) timers.shift()();
  await settle();
  assert.deepEqual(tried, ["a"]);
  assert.deepEqual(timers, []);
  made.see("b", 2);
  await settle();
  assert.deepEqual(told, ["b"]);
});

test("a mark seen while an earlier one is being refused is told after the gap", async () => {
  const { made, told, timers, waits } = marker(new Refused(403, "forbidden", "Not for your role", null));
  made.see("a", 1);
  made.see("b", 2);
  await settle();
  assert.deepEqual(waits, [1_000]);
  timers.shift()();
  await settle();
  assert.deepEqual(told, ["b"]);
});

test("while the server is away the waits grow, keep to its own, and the newest is told once it is back", async () => {
  const away = () => new Unreachable();
  const { made, tried, told, timers, waits } = marker(away(), away(), away(), new Unreachable(20), new TypeError("a fault of ours"));
  made.see("a", 1);
  for (let round = 0; round < 5; round += 1) {
    await settle();
    if (round === 2) made.see("b", 2);
    timers.shift()();
  }
  await settle();
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 20_000, 16_000, 1_000]);
  assert.deepEqual(tried, ["a", "a", "a", "b", "b", "b"]);
  assert.deepEqual(told, ["b"]);
});

test("a mark that fails after its thread was left is not tried again", async () => {
  const { made, tried, timers } = marker(new Unreachable(), new Unreachable());
  made.see("a", 1);
  made.stop();
  await settle();
  assert.deepEqual(timers, []);
  made.see("b", 2);
  await settle();
  assert.deepEqual(tried, ["a"]);
});

test("waits double from one second to thirty, and begin anew after success", () => {
  const backoff = new Backoff(1_000, 30_000, () => 1);
  assert.deepEqual(Array.from({ length: 7 }, () => backoff.next()), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  backoff.reset();
  assert.equal(backoff.next(), 1_000);
  const jittered = new Backoff(1_000, 30_000, () => 0);
  for (let i = 0; i < 9; i += 1) {
    const wait = jittered.next();
    assert.ok(wait >= 1_000 && wait <= 30_000);
  }
});

test("days are said as people say them", () => {
  globalThis.document = { documentElement: { lang: "en" } };
  const now = new Date(2026, 10, 22, 9, 0);
  assert.equal(dayName(new Date(2026, 10, 22, 0, 1), now), "Today");
  assert.equal(dayName(new Date(2026, 10, 21, 23, 59), now), "Yesterday");
  assert.equal(dayName(new Date(2026, 10, 18), now), "Wednesday");
  assert.equal(dayName(new Date(2026, 2, 14), now), "14 March");
  assert.equal(dayName(new Date(2025, 2, 14), now), "14 March 2025");
});
