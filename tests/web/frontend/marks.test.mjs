// Marks: the newest only, at most once in the gap, never backwards; and the waits between reconnects.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../../../web/frontend/src/backoff.ts";
import { Marker } from "../../../web/frontend/src/marks.ts";
import { dayName } from "../../../web/frontend/src/times.ts";

function marker(fails = 0) {
  const told = [];
  const timers = [];
  const made = new Marker(
    async (uid) => {
      if (fails-- > 0) throw new Error("lost");
      told.push(uid);
    },
    (work) => {
      timers.push(work);
      return () => undefined;
    },
  );
  return { made, told, timers };
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
  const { made, told, timers } = marker(1);
  made.see("a", 1);
  await settle();
  timers.shift()();
  await settle();
  assert.deepEqual(told, ["a"]);
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
