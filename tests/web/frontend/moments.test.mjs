// Moments for sending later: on the reader's own clock, and always to come.
import assert from "node:assert/strict";
import { test } from "node:test";
import { choices, fieldValue } from "../../../web/frontend/src/moments.ts";

const named = (now) => Object.fromEntries(choices(now).map(([words, at]) => [words, fieldValue(at)]));

test("a field holds minutes on this clock", () => assert.equal(fieldValue(new Date(2026, 0, 5, 7, 4, 59)), "2026-01-05T07:04"));

test("an hour from now goes over midnight", () => assert.equal(named(new Date(2026, 10, 30, 23, 30))["In one hour"], "2026-12-01T00:30"));

test("tomorrow goes over the end of a month", () => assert.equal(named(new Date(2026, 10, 30, 8, 0))["Tomorrow 09:00"], "2026-12-01T09:00"));

test("Monday is the next one from a Sunday", () => assert.equal(named(new Date(2026, 10, 29, 8, 0))["Monday 09:00"], "2026-11-30T09:00"));

test("Monday is a week away on a Monday", () => assert.equal(named(new Date(2026, 10, 30, 8, 0))["Monday 09:00"], "2026-12-07T09:00"));

test("all are to come on every day of a week", () => {
  for (let day = 1; day <= 7; day += 1) {
    const now = new Date(2026, 10, day, 12, 0);
    for (const [, at] of choices(now)) assert.ok(at > now);
  }
});
