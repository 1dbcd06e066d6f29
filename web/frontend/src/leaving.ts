// Logging out: what this browser keeps of an account is forgotten once it is out, and not before. Whether it is, the next page
// of this tab says: the log-out's own answer, or after no answer at all whatever is loaded then.
import { forgetKept } from "./keeping.ts";
import { forget } from "./store.ts";

const KEY = "bedside:leaving";

/** The person asks to be logged out. The note is this tab's own: a page that another tab loads meanwhile must not undo it. */
export function leave(account: string): void {
  try {
    sessionStorage.setItem(KEY, account);
  } catch {
    // Refused here, storage is refused to drafts, too: they end with this page.
    return;
  }
}

/** `account`: who is signed in on the page that has come; "" when the server knows of nobody, null when it could not look. */
export function settleLeaving(account: string | null): void {
  if (account === null) return;
  try {
    const leaving = sessionStorage.getItem(KEY);
    if (leaving === null) return;
    sessionStorage.removeItem(KEY);
    if (leaving === account) return;
    forget(leaving);
    void forgetKept(leaving);
  } catch {
    return;
  }
}
