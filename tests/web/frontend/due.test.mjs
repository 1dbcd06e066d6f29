// How long is left until a promised answer: in the words of the server (tests/web/test_payments.py has the same cases).
import assert from "node:assert/strict";
import { test } from "node:test";
import { span } from "../../../web/frontend/src/due.ts";

const CASES = [[0, "1 min"], [59, "59 min"], [60, "1 h"], [130, "2 h 10 min"], [1440, "1 day"], [3 * 1440 + 245, "3 days 4 h"]];
for (const [minutes, words] of CASES) test(`${minutes} minutes are ${words}`, () => assert.equal(span(minutes * 60_000), words));
