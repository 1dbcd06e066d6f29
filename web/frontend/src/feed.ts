// The live feed: one WebSocket of this tab to the XMPP server, signed in with a one-minute token, told apart from polling by live.ts.
import { $iq, $msg, $pres, Strophe } from "strophe.js";
import { Refused, post } from "./http.ts";
import { tell } from "./events.ts";
import { freshId } from "./ids.ts";

const FEED = "urn:bedside:feed:1";
const READY_MS = 10_000;
const BEAT_MS = 45_000;

interface Ticket {
  jid: string;
  token: string;
  websocket: string;
  feed: string;
}

export interface Watcher {
  /** The component has this tab on its list; not `asked` when it says so by itself, after a restart. */
  up(asked: boolean): void;
  /** Nothing comes through now: the web server, the XMPP server or the component behind it does not answer. */
  down(missing: "web" | "xmpp" | "component"): void;
  signedOut(): void;
}

type Conn = InstanceType<typeof Strophe.Connection>;

/** One attempt at a connection; a new one is made for every reconnect, since Strophe loses its handlers anyway. */
export class Feed {
  #conn: Conn | null = null;
  #address = "";
  #thread: string | null = null;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #beat: ReturnType<typeof setInterval> | undefined;
  #over = false;
  #asked = false;

  constructor(readonly watcher: Watcher) {}

  async start(thread: string | null): Promise<void> {
    this.#thread = thread;
    let ticket: Ticket;
    try {
      ticket = await post<Ticket>("/feed/token", {});
    } catch (error) {
      if (error instanceof Refused && error.status === 401) this.watcher.signedOut();
      else this.#end("web");
      return;
    }
    if (this.#over) return;
    this.#address = ticket.feed;
    const conn = new Strophe.Connection(ticket.websocket, { mechanisms: [Strophe.SASLPlain] });
    this.#conn = conn;
    this.#deadline = setTimeout(() => this.#end(), READY_MS);
    conn.connect(`${ticket.jid}/page-${freshId().slice(0, 8)}`, ticket.token, (status) => {
      if (this.#conn !== conn) return;
      if (status === Strophe.Status.CONNECTED || status === Strophe.Status.ATTACHED) this.#connected(conn);
      const ends: number[] = [Strophe.Status.DISCONNECTED, Strophe.Status.AUTHFAIL, Strophe.Status.CONNFAIL, Strophe.Status.CONNTIMEOUT];
      if (ends.includes(status)) this.#end();
    });
  }

  /** Which thread is open in this tab; the component shows the reader as present there. */
  open(thread: string | null): void {
    this.#thread = thread;
    if (this.#conn?.connected) this.#announce();
  }

  typing(thread: string, state: "composing" | "paused" | "active"): void {
    if (!this.#conn?.connected) return;
    this.#conn.send($msg({ to: this.#address, type: "headline" }).c("typing", { xmlns: FEED, thread, state }));
  }

  stop(): void {
    this.#over = true;
    const conn = this.#conn;
    this.#quiet();
    if (conn?.connected) {
      conn.send($pres({ to: this.#address, type: "unavailable" }));
      conn.flush();
    }
    conn?.disconnect("closed");
  }

  /** Asks the component again whether it has this tab; it answers `ready`. */
  probe(): void {
    if (!this.#conn?.connected) return;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.watcher.down("component"), READY_MS);
    this.#announce();
  }

  #connected(conn: Conn): void {
    conn.addHandler((stanza) => this.#message(stanza), null, "message", null);
    conn.addHandler((stanza) => this.#presence(stanza), null, "presence", null);
    conn.addHandler((stanza) => this.#ping(conn, stanza), "urn:xmpp:ping", "iq", "get");
    this.#announce();
    this.#beat = setInterval(() => this.probe(), BEAT_MS);
  }

  #announce(): void {
    this.#asked = true;
    const about: Record<string, string> = { xmlns: FEED };
    if (this.#thread) about.thread = this.#thread;
    this.#conn?.send($pres({ to: this.#address }).c("feed", about));
  }

  #message(stanza: Element): boolean {
    if (Strophe.getBareJidFromJid(stanza.getAttribute("from") ?? "") !== this.#address) return true;
    if (stanza.getAttribute("type") === "error") {
      this.watcher.down("component");
      return true;
    }
    for (const child of stanza.children) {
      if (child.namespaceURI !== FEED) continue;
      const thread = child.getAttribute("thread") ?? "";
      if (child.localName === "ready") {
        clearTimeout(this.#deadline);
        this.watcher.up(this.#asked);
        this.#asked = false;
      } else if (child.localName === "news") tell("news", { thread, uid: child.getAttribute("uid") ?? "" });
      else if (child.localName === "marks") tell("marks", { thread });
      else if (child.localName === "threads") tell("threads", null);
      else if (child.localName === "typing")
        tell("typing", { thread, who: child.getAttribute("who") ?? "", state: child.getAttribute("state") ?? "active" });
    }
    return true;
  }

  #presence(stanza: Element): boolean {
    const from = Strophe.getBareJidFromJid(stanza.getAttribute("from") ?? "");
    const type = stanza.getAttribute("type");
    if (from === this.#address && (type === "error" || type === "unavailable")) {
      clearTimeout(this.#deadline);
      this.watcher.down("component");
    }
    return true;
  }

  /** Whoever asks whether this tab is there is told (XEP-0199). */
  #ping(conn: Conn, stanza: Element): boolean {
    conn.send($iq({ type: "result", id: stanza.getAttribute("id") ?? "", to: stanza.getAttribute("from") ?? "" }));
    return true;
  }

  #quiet(): void {
    clearTimeout(this.#deadline);
    clearInterval(this.#beat);
    this.#conn = null;
  }

  #end(missing: "web" | "xmpp" = "xmpp"): void {
    if (this.#over) return;
    this.#over = true;
    const conn = this.#conn;
    this.#quiet();
    conn?.disconnect("reconnecting");
    this.watcher.down(missing);
  }
}
