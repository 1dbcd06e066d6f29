// Logging out: what this browser keeps of an account is forgotten once it is out, and not before. Whether it is, the next page
// of this tab says: the log-out's own answer, or after no answer at all whatever is loaded then. And the question before unsent things are lost.
import { forgetKept } from "./keeping.ts";
import { forget } from "./store.ts";

const KEY = "bedside:leaving";
const losses: (() => boolean)[] = [];
let agreed = false;

/** Closing the window asks while `lost` says that something would end with it. */
export function askBeforeClosing(lost: () => boolean): void {
  losses.push(lost);
}

/** Asks once for all of them: whoever has just agreed at the log-out is not asked again. */
export function watchClosing(): void {
  addEventListener("beforeunload", (event) => {
    if (!agreed && losses.some((lost) => lost())) event.preventDefault();
    agreed = false;
  });
}

/** Asks whoever logs out with so much unsent. Returns whether they go. */
export function agreeToLose(unsent: number): boolean {
  if (unsent === 0) return true;
  const words = unsent === 1 ? "One message, file or recording has" : `${unsent} messages, files or recordings have`;
  agreed = confirm(`${words} not been sent and will be lost. Log out all the same?`);
  return agreed;
}

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
