// When a row of the list tells of something new.
import assert from "node:assert/strict";
import { test } from "node:test";
import { COUNTED_AT_MOST, tellsNews } from "../../../web/frontend/src/unread.ts";

const row = (unread, stamp, mine = false) => ({ unread, stamp, who: "Ana", mine, muted: false });

test("one more unread is news", () => assert.equal(tellsNews(row(2, "10:01"), row(1, "10:00")), true));

test("a thread that was not there is news when something is unread in it", () => {
  assert.equal(tellsNews(row(1, "10:00"), undefined), true);
  assert.equal(tellsNews(row(0, "10:00"), undefined), false);
});

test("what was read meanwhile is no news", () => assert.equal(tellsNews(row(1, "10:01"), row(3, "10:00")), false));

test("the same entry is no news twice, however it is counted", () => assert.equal(tellsNews(row(2, "10:00"), row(1, "10:00")), false));

test("where counting has ended, a newer entry is news", () => {
  assert.equal(tellsNews(row(COUNTED_AT_MOST, "10:01"), row(COUNTED_AT_MOST, "10:00")), true);
});

test("where counting has ended, one's own entry is no news", () => {
  assert.equal(tellsNews(row(COUNTED_AT_MOST, "10:01", true), row(COUNTED_AT_MOST, "10:00")), false);
});

test("a thread that stood further down than the list reached is no news when the list grows", () => {
  assert.equal(tellsNews(row(3, "09:00"), undefined, "09:30"), false);
  assert.equal(tellsNews(row(3, "10:00"), undefined, "09:30"), true);
});
