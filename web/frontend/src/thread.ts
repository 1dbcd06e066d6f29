// One open thread: fetches what is new, loads what is older, marks what was read, shows who types, and holds the composer.
import { aboutOf } from "./about.ts";
import { type Composer, type Composing, startComposer } from "./composer.ts";
import { cover, covered, coverGone } from "./cover.ts";
import { make, one, parse } from "./dom.ts";
import { useMenu, watchMenus } from "./entrymenu.ts";
import { on } from "./events.ts";
import { Frame } from "./frame.ts";
import { HELD, isHeld } from "./gate.ts";
import { refreshHead } from "./head.ts";
import { Refused, getFragments, getJson, post } from "./http.ts";
import { live } from "./live.ts";
import { append, applyStates, arrange, entries, type State } from "./log.ts";
import { Marker } from "./marks.ts";
import type { Outbox } from "./outbox.ts";
import type { Pasted } from "./pasted.ts";
import { type Open, openWords, startReplies } from "./replies.ts";
import { Typists } from "./typists.ts";
import { Waiting } from "./waiting.ts";

export class OpenThread {
  readonly uid: string;
  readonly #log: HTMLElement;
  readonly #frame: Frame;
  readonly #over = new AbortController();
  readonly #orders = new WeakMap<Element, number>();
  readonly #seen: IntersectionObserver;
  readonly #read: Marker;
  readonly #received: Marker;
  readonly #typists: Typists;
  readonly #waiting: Waiting;
  #first = 0;
  #last = 0;
  #busy = false;
  #again = false;
  readonly #wanted = new Set<string>();
  /** Entries that only changed others: they have no line of their own on the page. */
  readonly #taken = new Set<string>();
  #cursor: string;
  #composer: Composer | null = null;
  #open: Open | null = null;

  constructor(
    readonly root: HTMLElement,
    readonly outbox: Outbox,
    readonly pasted: Pasted | null,
  ) {
    const log = one("#log", root);
    if (!log) throw new Error("the thread has no log");
    this.#log = log;
    this.#frame = new Frame(log.parentElement ?? log);
    this.uid = root.dataset.thread ?? "";
    this.#cursor = log.dataset.cursor ?? "";
    this.#typists = new Typists(root);
    this.#waiting = new Waiting(log, outbox, { thread: this.uid, name: root.dataset.me ?? "", uid: document.body.dataset.account ?? "" });
    this.#read = this.#marker("read");
    this.#received = this.#marker("delivered");
    this.#seen = new IntersectionObserver(() => this.#look(), { root: this.#frame.element, threshold: [0, 0.5, 1] });
    this.#begin();
  }

  /** The reader has this thread before the eyes. */
  get watched(): boolean {
    return document.visibilityState === "visible" && document.hasFocus();
  }

  close(): void {
    this.#over.abort();
    this.#read.stop();
    this.#received.stop();
    this.#seen.disconnect();
    this.#typists.stop();
    this.#frame.stop();
  }

  #marker(state: "read" | "delivered"): Marker {
    const later = (work: () => void, ms: number) => {
      const timer = setTimeout(work, ms);
      return () => clearTimeout(timer);
    };
    return new Marker(async (entry) => void (await post(`/actions/thread.mark/${this.uid}`, { entry, state })), later);
  }

  #begin(): void {
    const { signal } = this.#over;
    this.#number(entries(this.#log));
    this.#waiting.draw();
    arrange(this.#log);
    const form = one<HTMLTextAreaElement>("#body", this.root)?.form;
    if (form) this.#compose(form);
    const fresh = one(".fresh", this.#log);
    const sought = one(`#e-${CSS.escape(this.root.dataset.around ?? "")}`, this.#log);
    sought?.classList.add("sought");
    if (sought) this.#frame.toLine(sought);
    else if (fresh) this.#frame.toLine(fresh);
    else this.#frame.toEnd();
    on("news", (news) => news.thread === this.uid && void this.refresh(news.uid), signal);
    on("threads", () => void this.#head(), signal);
    on("look", () => (void this.refresh(), void this.#states()), signal);
    on("sent", (sent) => sent.thread === this.uid && void this.refresh(sent.entry ?? undefined), signal);
    on("marks", (marks) => marks.thread === this.uid && void this.#states(), signal);
    on("typing", (typing) => typing.thread === this.uid && this.#typists.heard(typing.who, typing.state), signal);
    on("state", (state) => state === "signed-out" && this.#cover(), signal);
    on("outbox", (change) => change.thread === this.uid && this.#redraw(), signal);
    addEventListener("focus", () => this.#look(), { signal });
    document.addEventListener("visibilitychange", () => this.#look(), { signal });
    this.#log.addEventListener("click", (event) => this.#click(event), { signal });
    watchMenus(this.#log, signal);
    this.#frame.element.addEventListener("scroll", () => this.#scrolled(), { signal, passive: true });
    one("#jump")?.addEventListener("click", () => this.#frame.toEnd(true), { signal });
    const unread = one<HTMLAnchorElement>("#to-unread");
    unread?.addEventListener("click", (event) => (event.preventDefault(), void this.#toUnread(unread)), { signal });
    this.#look();
    this.#scrolled();
    if (!sought && matchMedia("(pointer: fine)").matches) this.#composer?.focus();
  }

  #compose(form: HTMLFormElement): void {
    const composer = (this.#composer = startComposer(form, this.#composing()));
    const { account, thread, signal } = this.#composing();
    const insert = (text: string) => composer.insert(text);
    this.#open = startReplies({ account, thread, signal, root: one(".compose", this.root) ?? this.root, insert, select: composer.select });
  }

  #composing(): Composing {
    return {
      account: document.body.dataset.account ?? "",
      thread: this.uid,
      signal: this.#over.signal,
      pasted: this.pasted,
      unready: (body) => {
        if (isHeld(this.root)) return { words: HELD, look: "" };
        const left = this.#open?.left(body) ?? [];
        return left[0] ? { words: openWords(left), look: left[0] } : null;
      },
      typing: (state) => live.typing(this.uid, state),
      find: (uid) => {
        const article = one(`article[data-uid="${CSS.escape(uid)}"]`, this.#log);
        return article && aboutOf(article);
      },
      send: (action, values) => {
        this.outbox.add(this.uid, action, values);
        this.#open?.clear();
        live.typing(this.uid, "active");
        this.#frame.toEnd();
      },
    };
  }

  #has(uid: string): boolean {
    return uid === this.#cursor || this.#taken.has(uid) || one(`article[data-uid="${CSS.escape(uid)}"]`, this.#log) !== null;
  }

  /**
   * Fetches what came after the last known entry; one request at a time, calls meanwhile are remembered.
   * `uid`: the entry that is known to be there; when it is on the page already nothing is fetched.
   */
  async refresh(uid?: string): Promise<void> {
    if (covered() || (uid && this.#has(uid))) return;
    if (this.#busy) {
      if (uid) this.#wanted.add(uid);
      else this.#again = true;
      return;
    }
    this.#busy = true;
    try {
      let more = true;
      while (more && !this.#over.signal.aborted) {
        this.#again = false;
        const last = this.#cursor || (entries(this.#log).at(-1)?.dataset.uid ?? "");
        const page = await getFragments(`/threads/${this.uid}/entries?after=${encodeURIComponent(last)}`);
        if (this.#over.signal.aborted) return;
        this.#arrived(parse(page.html).filter((node): node is HTMLElement => node instanceof HTMLElement));
        more = page.more || this.#again || [...this.#wanted].some((wanted) => !this.#has(wanted));
        this.#wanted.clear();
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#busy = false;
    }
  }

  /** Takes what the page learns beside entries: up to where it has read, and which entries only changed others. */
  #readUpTo(fetched: HTMLElement[]): HTMLElement[] {
    const mark = fetched.find((node) => node.dataset.cursor !== undefined);
    if (mark?.dataset.cursor) this.#cursor = mark.dataset.cursor;
    for (const uid of (mark?.dataset.seen ?? "").split(" ")) if (uid) this.#taken.add(uid);
    return fetched.filter((node) => node !== mark);
  }

  #arrived(nodes: HTMLElement[]): void {
    const fetched = this.#readUpTo(nodes);
    if (fetched.length === 0) return;
    const atEnd = this.#frame.atEnd;
    const quiet = fetched.every((entry) => entry.dataset.mine === "1");
    // An own message was announced when it was typed; its return is not news.
    this.#log.setAttribute("aria-live", quiet ? "off" : "polite");
    const { added, again } = append(this.#log, fetched, (id) => void this.outbox.remove(this.uid, id));
    for (const [before, entry] of again) {
      this.#orders.set(entry, this.#orders.get(before) ?? 0);
      this.#seen.unobserve(before);
      this.#seen.observe(entry);
    }
    one(".nobody", this.#log)?.remove();
    this.#number(added);
    if (!quiet && !this.watched && !one(".fresh", this.#log)) this.#divide(added);
    arrange(this.#log);
    for (const entry of added) if (entry.dataset.authorName) this.#typists.heard(entry.dataset.authorName, "active");
    if (atEnd) this.#frame.toEnd();
    else if (!quiet && added.length > 0) this.#frame.offerJump();
    // Who joined or left, and where the thread stands, is said by an entry; the head follows it.
    const promised = one("[data-due]", this.root) !== null; // an answer of staff's may have kept it
    if (added.some((entry) => promised || entry.dataset.movesHead !== undefined)) void this.#head();
    this.#look();
    const last = added.findLast((entry) => entry.dataset.mine !== "1");
    const order = last ? (this.#orders.get(last) ?? 0) : 0;
    if (last && !this.#read.covers(order)) this.#received.see(last.dataset.uid ?? "", order);
  }

  #divide(added: HTMLElement[]): void {
    added.find((entry) => entry.dataset.mine !== "1")?.before(make("p", { class: "fresh" }, "New"));
  }

  async older(): Promise<boolean> {
    const link = one<HTMLAnchorElement>(".older a", this.#log);
    const first = entries(this.#log)[0];
    if (covered() || !link || !first || link.dataset.busy) return false;
    link.dataset.busy = "1";
    link.textContent = "Loading earlier messages…";
    try {
      const page = await getFragments(`/threads/${this.uid}/entries?before=${encodeURIComponent(first.dataset.uid ?? "")}`);
      const fetched = parse(page.html).filter((node): node is HTMLElement => node instanceof HTMLElement);
      this.#log.setAttribute("aria-live", "off");
      const stay = this.#frame.hold();
      for (const entry of fetched.slice().reverse()) {
        this.#orders.set(entry, --this.#first);
        link.parentElement?.after(entry);
      }
      for (const entry of fetched) this.#seen.observe(entry);
      arrange(this.#log);
      stay();
      link.textContent = "Earlier messages";
      if (!page.more) link.parentElement?.remove();
      return fetched.length > 0;
    } catch (error) {
      link.textContent = "Earlier messages could not be loaded. Try again";
      this.#failed(error);
      return false;
    } finally {
      delete link.dataset.busy;
    }
  }

  #head(): Promise<void> {
    return this.#ask(() => refreshHead(this.root, this.#over.signal));
  }

  #states(): Promise<void> {
    return this.#ask(async () => {
      const marks = await getJson<{ held: string; states: Record<string, { state: State; read_by: string[] }> }>(`/threads/${this.uid}/marks`);
      applyStates(this.#log, marks.states);
      // What was asked or answered in another thread moves nothing here but this.
      if (marks.held !== (one("#gate", this.root)?.dataset.held ?? "")) await refreshHead(this.root, this.#over.signal);
    });
  }

  async #ask(work: () => Promise<void>): Promise<void> {
    if (!covered()) await work().catch((error: unknown) => this.#failed(error));
  }

  #failed(error: unknown): void {
    if (error instanceof Refused && error.status === 404) this.#gone();
    else live.missed(error);
  }

  /** No member any more: the list says so; but what was typed and not sent does not leave the screen unseen. */
  #gone(): void {
    const typed = one<HTMLTextAreaElement>("#body", this.root)?.value.trim();
    if (this.#over.signal.aborted) return;
    if (!typed && !this.pasted?.many && this.outbox.items(this.uid).length === 0) return location.assign("/?gone=1");
    this.close();
    coverGone(this.root);
    this.#waiting.draw();
  }

  /** Signed out: what others wrote leaves the screen; what this person has not sent stays. */
  #cover(): void {
    this.#read.stop();
    this.#received.stop();
    this.#typists.stop();
    cover(this.root);
    this.#waiting.draw();
  }

  #number(added: HTMLElement[]): void {
    for (const entry of added) {
      this.#orders.set(entry, ++this.#last);
      this.#seen.observe(entry);
    }
  }

  /** Marks the newest entry of others that is before the reader's eyes. */
  #look(): void {
    if (!this.watched || covered()) return;
    const frame = this.#frame.element.getBoundingClientRect();
    for (const entry of entries(this.#log).reverse()) {
      const box = entry.getBoundingClientRect();
      if (box.top > frame.bottom - 8) continue;
      if (entry.dataset.mine === "1") continue;
      this.#read.see(entry.dataset.uid ?? "", this.#orders.get(entry) ?? 0);
      return;
    }
  }

  /** After a change of the outbox: what was sent stays, greyed, until its entry arrives. */
  #redraw(): void {
    const { atEnd } = this.#frame;
    const left = this.#waiting.redraw();
    if (left && !this.#busy) void this.refresh();
    one(".nobody", this.#log)?.remove();
    arrange(this.#log);
    if (atEnd) this.#frame.toEnd();
  }

  #click(event: Event): void {
    const target = event.target instanceof Element ? event.target : null;
    const older = target?.closest(".older a");
    if (older) {
      event.preventDefault();
      event.stopPropagation();
      void this.older();
    }
    const quote = target?.closest<HTMLElement>("a.quote");
    if (quote) this.#toQuoted(event, quote.dataset.to ?? "");
    const what = target?.closest<HTMLElement>("[data-do]");
    const article = what?.closest<HTMLElement>("article");
    if (!what || !article) return;
    if (article.dataset.uid) useMenu(event, what, article, (action, values) => void this.outbox.add(this.uid, action, values), this.#composer);
    else this.#withdraw(what, article);
  }

  /** What was refused is sent again, edited or discarded. */
  #withdraw(what: HTMLElement, article: HTMLElement): void {
    if (what.dataset.do === "again") return this.outbox.again(this.uid, article.dataset.clientId ?? "");
    const item = this.outbox.remove(this.uid, article.dataset.clientId ?? "");
    article.remove();
    if (item && what.dataset.do === "edit") this.#composer?.restore(item.action, item.values);
    arrange(this.#log);
  }

  /** Shows the entry that a reply quotes, where it is on the page; else the link leads to it. */
  #toQuoted(event: Event, uid: string): void {
    const entry = one(`article[data-uid="${CSS.escape(uid)}"]`, this.#log);
    if (!entry) return;
    event.preventDefault();
    event.stopPropagation();
    for (const sought of this.#log.querySelectorAll(".sought")) sought.classList.remove("sought");
    entry.classList.add("sought");
    this.#frame.toLine(entry);
  }

  #scrolled(): void {
    this.#frame.scrolled();
    if (this.#frame.nearTop) void this.older();
    this.#look();
  }

  async #toUnread(link: HTMLAnchorElement): Promise<void> {
    const uid = link.dataset.uid ?? "";
    while (!this.#has(uid) && (await this.older()));
    link.hidden = true;
    const entry = one(`article[data-uid="${CSS.escape(uid)}"]`, this.#log);
    if (!entry) return;
    const line = make("p", { class: "fresh" }, "New");
    entry.before(line);
    arrange(this.#log);
    this.#frame.toLine(line);
  }
}
