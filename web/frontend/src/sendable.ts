// What messages cannot carry: characters outside XML 1.0 (section 2.2), as clinic/fields.py refuses them.

const NOT_XML = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

/** Takes out what cannot be sent. Returns the text and how many characters went. */
export function sendable(text: string): { text: string; removed: number } {
  let removed = 0;
  const kept = text.replace(NOT_XML, () => ((removed += 1), ""));
  return { text: kept, removed };
}

/** Says what was removed; empty when nothing was. */
export function removedWords(removed: number): string {
  if (removed === 0) return "";
  return removed === 1 ? "Removed 1 character that cannot be sent" : `Removed ${removed} characters that cannot be sent`;
}
