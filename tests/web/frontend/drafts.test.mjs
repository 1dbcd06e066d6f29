// Drafts, names after an @, and reactions: what is kept, what is sent, what is offered.
import assert from "node:assert/strict";
import { test } from "node:test";
import { firstWords, toggled } from "../../../web/frontend/src/about.ts";
import { Draft, PLAIN, sending } from "../../../web/frontend/src/drafts.ts";
import { matching, typedName } from "../../../web/frontend/src/mentions.ts";

function mapStore() {
  const map = new Map();
  return { map, get: (key) => map.get(key) ?? null, set: (key, value) => map.set(key, value), remove: (key) => map.delete(key), keys: () => [...map.keys()] };
}

const about = { uid: "e1", name: "Boris", at: "2026-11-29T10:42:00Z", text: "Hello", internal: false };

test("a draft from before there were answers is a plain text", () => {
  const store = mapStore();
  store.set("bedside:ana:draft:t1", "half a sent");
  const draft = new Draft(store, "ana", "t1");
  assert.equal(draft.text, "half a sent");
  assert.deepEqual(draft.kind, PLAIN);
});

test("what a draft answers or corrects survives with it, and leaves nothing behind", () => {
  const store = mapStore();
  new Draft(store, "ana", "t1").keep("yes", { ...PLAIN, note: true, reply: about });
  const again = new Draft(store, "ana", "t1");
  assert.deepEqual([again.text, again.kind.note, again.kind.reply], ["yes", true, about]);
  assert.deepEqual(new Draft(store, "ana", "t2").kind, PLAIN);
  again.keep("", PLAIN);
  assert.equal(store.map.size, 0);
});

test("another tab follows both keys of a draft: its words never without its being a note", () => {
  const store = mapStore();
  const draft = new Draft(store, "ana", "t1");
  draft.keep("for staff only", { ...PLAIN, note: true });
  assert.equal(store.map.size, 2);
  for (const key of store.map.keys()) assert.ok(draft.owns(key), key);
  assert.ok(!new Draft(store, "ana", "t2").owns([...store.map.keys()][0]));
});

test("a broken draft is a plain one", () => {
  const store = mapStore();
  store.set("bedside:ana:about:t1", "{");
  assert.deepEqual(new Draft(store, "ana", "t1").kind, PLAIN);
});

test("what is sent follows from what the draft is: a note never becomes a message", () => {
  assert.deepEqual(sending("a", PLAIN), ["text.post", { body: "a" }]);
  assert.deepEqual(sending("a", { ...PLAIN, reply: about }), ["text.post", { body: "a", reply_to: "e1" }]);
  assert.deepEqual(sending("a", { ...PLAIN, note: true, reply: about }), ["note.post", { body: "a", reply_to: "e1" }]);
  assert.deepEqual(sending("a", { ...PLAIN, note: true, correct: about }), ["text.correct", { entry: "e1", body: "a" }]);
});

test("a name is looked for where an @ begins a word", () => {
  assert.deepEqual(typedName("hello @bo", 9), { from: 7, part: "bo" });
  assert.deepEqual(typedName("@", 1), { from: 1, part: "" });
  assert.equal(typedName("mail me@clinic", 14), null);
  assert.equal(typedName("@boris hello", 12), null);
});

test("names of which any word begins so are offered, the first words before the others", () => {
  const names = ["Ana Boyd", "Boris Brandt", "Chen Cheng"];
  assert.deepEqual(matching(names, "bo"), ["Boris Brandt", "Ana Boyd"]);
  assert.deepEqual(matching(names, ""), names);
  assert.deepEqual(matching(names, "x"), []);
});

test("an emoji is chosen and taken back, others stay", () => {
  assert.deepEqual(toggled(["👍"], "🎉"), ["👍", "🎉"]);
  assert.deepEqual(toggled(["👍", "🎉"], "👍"), ["🎉"]);
});

test("the first words of a text stand on one line", () => {
  assert.equal(firstWords(" a\n\n b  c "), "a b c");
  assert.equal(firstWords("x".repeat(500)).length, 160);
});
