// Characters that no message can carry leave a refused text when it comes back to be corrected.
import assert from "node:assert/strict";
import { test } from "node:test";
import { removedWords, sendable } from "../../../web/frontend/src/sendable.ts";

const cases = [
  ["a form feed goes", "one\ftwo", "onetwo", 1],
  ["null, vertical tab and escape go", "\0a\v\x1bb", "ab", 3],
  ["blanks, tabs and lines stay", "a b\tc\nd\r\ne", "a b\tc\nd\r\ne", 0],
  ["pictures and far scripts stay", "👩🏽‍⚕️ пет 𝒳", "👩🏽‍⚕️ пет 𝒳", 0],
  ["half a picture goes", "a\ud83db", "ab", 1],
  ["what Unicode keeps free goes", "a\ufffe\uffffb", "ab", 2],
];
for (const [name, text, kept, removed] of cases) test(name, () => assert.deepEqual(sendable(text), { text: kept, removed }));

test("it is said in words", () => {
  assert.equal(removedWords(0), "");
  assert.equal(removedWords(1), "Removed 1 character that cannot be sent");
  assert.equal(removedWords(2), "Removed 2 characters that cannot be sent");
});
