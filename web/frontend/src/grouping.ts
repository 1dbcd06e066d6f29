// Which entries stand together under one name. The server draws by the same rule (web/drawing.py); one table of cases tests both.

export interface Facts {
  kind: string;
  /** The author's uid; empty when the clinic itself speaks. */
  author: string;
  /** Milliseconds since 1970. */
  at: number;
}

/** Whether `entry` follows `before` without a heading of its own: two texts of one person within `seconds`. */
export function joined(before: Facts, entry: Facts, seconds: number): boolean {
  if (before.kind !== "text" || entry.kind !== "text") return false;
  if (!entry.author || before.author !== entry.author) return false;
  return entry.at - before.at < seconds * 1_000;
}
