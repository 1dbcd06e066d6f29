// Whether a row of the list of threads tells of something that came. Nothing here touches the page.

/** The server counts the unread entries of a thread no further. */
export const COUNTED_AT_MOST = 100;

export interface Row {
  unread: number;
  stamp: string;
  who: string;
  /** Whether the newest entry is the reader's own. */
  mine: boolean;
  muted: boolean;
}

/**
 * Says whether `row` tells of more than it did before (undefined: it was not there).
 * `oldest`: the oldest stamp that was there before; what is older than it only stood further down than the list reached.
 */
export function tellsNews(row: Row, before: Row | undefined, oldest = ""): boolean {
  if (!before && row.stamp <= oldest) return false;
  if (row.stamp === before?.stamp) return false;
  return row.unread > (before?.unread ?? 0) || (row.unread >= COUNTED_AT_MOST && !row.mine);
}
