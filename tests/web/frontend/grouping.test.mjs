// The page's half of the one rule of grouping; tests/web/test_drawing.py asks the server's half the same cases.
import assert from "node:assert/strict";
import { test } from "node:test";
import { joined } from "../../../web/frontend/src/grouping.ts";
import cases from "./grouping.json";

const facts = ({ kind, author, at }) => ({ kind, author, at: Date.parse(at) });

for (const { name, before, entry, joined: expected } of cases) {
  test(name, () => assert.equal(joined(facts(before), facts(entry), 300), expected));
}
