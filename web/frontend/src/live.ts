// Keeps the page current: the feed when it works, a look every five seconds when it does not, and one line that says which.
import { Backoff } from "./backoff.ts";
import { icon, make, one } from "./dom.ts";
import { type LiveState, on, tell } from "./events.ts";
import { Feed } from "./feed.ts";
import { Refused, Unreachable } from "./http.ts";
import { whenStill } from "./still.ts";

const POLL_MS = 5_000;
const PATIENCE_MS = 2_000;
const CALM_LOOK_MS = 120_000;
const MISSED_MS = 3_000;

const WORDS: Record<LiveState, [string, string]> = {
  connecting: ["refresh-cw", "Connecting…"],
  live: ["circle-check", "Live"],
  offline: ["wifi-off", "Offline: messages are kept and sent when you are back."],
  polling: ["refresh-cw", "Live updates are down: checking every 5 s."],
  "signed-out": ["key-round", "You have been signed out. What you typed is kept."],
};
const IN_VAIN: [string, string] = ["triangle-alert", "The server did not answer. Check the connection and try again."];

function signIn(): HTMLAnchorElement {
  const address = `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
  return make("a", { href: address, "hx-boost": "false" }, "Sign in again");
}

class Live {
  state: LiveState = "connecting";
  #feed: Feed | null = null;
  #thread: string | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #poll: ReturnType<typeof setInterval> | undefined;
  #shown: ReturnType<typeof setTimeout> | undefined;
  #missed: ReturnType<typeof setTimeout> | undefined;
  #begun = false;
  #inVain = false;
  readonly #backoff = new Backoff();

  start(): void {
    addEventListener("online", () => this.#now());
    addEventListener("offline", () => this.#enter("offline"));
    addEventListener("pagehide", () => this.#feed?.stop());
    addEventListener("pageshow", (event) => {
      if (event.persisted) this.#now();
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "visible") return;
      if (this.state === "live") this.#feed?.probe();
      else this.#now();
    });
    setInterval(() => {
      if (this.state === "live") tell("look", null);
    }, CALM_LOOK_MS);
    this.#enter("connecting");
    this.#connect();
  }

  open(thread: string | null): void {
    this.#thread = thread;
    this.#feed?.open(thread);
  }

  typing(thread: string, state: "composing" | "paused" | "active"): void {
    if (this.state === "live") this.#feed?.typing(thread, state);
  }

  signedOut(): void {
    clearTimeout(this.#retry);
    this.#feed?.stop();
    this.#feed = null;
    this.#enter("signed-out");
  }

  /** Something that the page asked for did not come. The feed says once what is new, so the page looks again by itself. */
  missed(error: unknown): void {
    if (error instanceof Refused) {
      if (error.status === 401) this.signedOut();
      return;
    }
    if (!(error instanceof Unreachable)) throw error;
    this.#missed ??= setTimeout(() => {
      this.#missed = undefined;
      tell("look", null);
    }, MISSED_MS);
  }

  /** Somebody clicked in vain: the line says so until something is answered, or the state changes. */
  unanswered(): void {
    const line = one("#live");
    if (!line) return;
    clearTimeout(this.#shown);
    this.#inVain = true;
    this.#draw(line, "in-vain", IN_VAIN);
    this.#pulse();
  }

  answered(): void {
    if (!this.#inVain) return;
    one("#live")?.replaceChildren();
    if (this.#begun) this.#show(this.state);
    else this.#inVain = false;
  }

  #now(): void {
    if (this.state === "signed-out" || this.state === "live") return;
    clearTimeout(this.#retry);
    this.#backoff.reset();
    this.#feed?.stop();
    this.#connect();
    tell("look", null);
  }

  #connect(): void {
    const feed = new Feed({
      up: (asked) => {
        if (this.#feed !== feed) return;
        const fresh = this.state !== "live" || !asked;
        this.#backoff.reset();
        this.#enter("live");
        if (fresh) tell("look", null);
      },
      down: (missing) => {
        if (this.#feed !== feed) return;
        this.#enter(missing === "web" || navigator.onLine === false ? "offline" : "polling");
        const wait = this.#backoff.next();
        clearTimeout(this.#retry);
        this.#retry = setTimeout(() => (missing === "component" ? feed.probe() : this.#connect()), wait);
      },
      signedOut: () => {
        if (this.#feed === feed) this.signedOut();
      },
    });
    this.#feed = feed;
    void feed.start(this.#thread);
  }

  #enter(state: LiveState): void {
    if (this.state === "signed-out") return;
    const changed = this.state !== state;
    this.state = state;
    if (!changed && this.#begun) return;
    this.#begun = true;
    clearInterval(this.#poll);
    if (state === "polling" || state === "offline") this.#poll = setInterval(() => tell("look", null), POLL_MS);
    this.#show(state);
    tell("state", state);
  }

  #show(state: LiveState): void {
    const line = one("#live");
    if (!line) return;
    clearTimeout(this.#shown);
    this.#inVain = false;
    const draw = () => this.#draw(line, state, WORDS[state]);
    // A reconnect of a moment is nobody's business; a longer one is said.
    if (state === "live" || state === "signed-out" || state === "offline") draw();
    else {
      // Until then an older line stays, but not one that is not true any more.
      if (line.childElementCount === 0 || state === "connecting") whenStill("live", () => (line.hidden = true));
      this.#shown = setTimeout(draw, PATIENCE_MS);
    }
    this.#pulse();
  }

  #draw(line: HTMLElement, state: LiveState | "in-vain", [picture, words]: [string, string]): void {
    whenStill("live", () => {
      line.dataset.state = state;
      line.replaceChildren(icon(picture), words, ...(this.state === "signed-out" ? [" ", signIn()] : []));
      line.hidden = false;
    });
  }

  #pulse(): void {
    const pulse = one("#pulse");
    if (pulse) pulse.hidden = this.state !== "live" || this.#inVain;
  }
}

export const live = new Live();
on("state", (state) => {
  document.documentElement.dataset.live = state;
});
