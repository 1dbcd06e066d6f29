// Sending later: the dialog behind the clock beside Send, and the list of what waits. Times are on the reader's own clock.
import { openDialog } from "./ask.ts";
import { covered } from "./cover.ts";
import { make, one, parse, settled } from "./dom.ts";
import { on, tell } from "./events.ts";
import { Refused, getFragments, post } from "./http.ts";
import { freshId } from "./ids.ts";
import { live } from "./live.ts";
import { choices, fieldValue } from "./moments.ts";
import { Open, openWords } from "./replies.ts";
import { localTimes } from "./times.ts";

const NO_ANSWER = "The clinic did not answer, so nothing is scheduled yet. Try again in a moment; your text stays here.";

interface Asked {
  title: string;
  body: string;
  at: Date | null;
  send(body: string, at: string): Promise<void>;
}

function ask(asked: Asked): void {
  const body = make("textarea", { id: "later-body", rows: "4", required: true });
  body.value = asked.body;
  const now = new Date();
  const at = make("input", { id: "later-at", type: "datetime-local", required: true, min: fieldValue(now) });
  if (asked.at) at.value = fieldValue(asked.at);
  const quick = make("div", { class: "row" });
  for (const [words, moment] of choices(now)) {
    const button = make("button", { class: "button", type: "button" }, words);
    button.addEventListener("click", () => (at.value = fieldValue(moment)));
    quick.append(button);
  }
  const problem = make("p", { class: "problem", role: "alert", hidden: true });
  const hint = make("p", { class: "soft small" }, "The clinic sends it then, also when this page is closed. Until then only you see it.");
  const { dialog, form } = openDialog(asked.title, "Schedule",
    make("div", { class: "field" }, make("label", { for: "later-body" }, "Message"), body),
    make("div", { class: "field" }, make("label", { for: "later-at" }, "Send at"), at),
    quick, hint, problem);
  (asked.body ? at : body).focus();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (form.dataset.busy) return;
    form.dataset.busy = "1";
    problem.hidden = true;
    asked.send(body.value, new Date(at.value).toISOString()).then(
      () => dialog.close(),
      (error: unknown) => {
        problem.textContent = error instanceof Refused ? error.text : NO_ANSWER;
        problem.hidden = false;
      },
    ).finally(() => delete form.dataset.busy);
  });
}

async function refresh(always = false): Promise<void> {
  const shown = one("#later");
  if (!shown || covered() || !(always || one("details", shown))) return;
  try {
    const { html } = await getFragments(`/threads/${shown.dataset.thread ?? ""}/later`);
    const fresh = parse(html)[0];
    if (!(fresh instanceof HTMLElement) || !shown.isConnected) return;
    localTimes(fresh);
    const was = one<HTMLDetailsElement>("details", shown)?.open;
    const now = one<HTMLDetailsElement>("details", fresh);
    if (now && was) now.open = true;
    if (shown.textContent !== fresh.textContent) shown.replaceWith(fresh);
  } catch (error) {
    live.missed(error);
  }
}

function compose(thread: string): void {
  const box = one<HTMLTextAreaElement>(".compose > form textarea");
  const id = freshId();
  ask({
    title: "Send later",
    body: box?.value ?? "",
    at: null,
    send: async (body, at) => {
      // What a saved reply left open is completed before it goes anywhere.
      const open = new Open(document.body.dataset.account ?? "", thread);
      const left = open.left(body);
      if (left.length) throw new Refused(422, "incomplete", openWords(left), "body");
      await post(`/actions/text.schedule/${thread}`, { body, at, client_id: id });
      open.clear();
      if (box) {
        box.value = "";
        box.dispatchEvent(new Event("input"));
      }
      await refresh(true);
    },
  });
}

function edit(thread: string, link: HTMLElement): void {
  const scheduled = link.dataset.laterEdit ?? "";
  ask({
    title: "Change a scheduled message",
    body: one(".words", link.closest("li") ?? document)?.textContent ?? "",
    at: new Date(link.dataset.at ?? ""),
    send: async (body, at) => {
      await post(`/actions/text.reschedule/${thread}`, { scheduled, body, at });
      await refresh(true);
      tell("threads", null);
    },
  });
}

/** Starts for the life of the page. */
export function startLater(): void {
  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const button = target?.closest<HTMLElement>("#later-button, [data-later-edit]");
    const thread = one("#later")?.dataset.thread;
    if (!button || !thread || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (button.id === "later-button") compose(thread);
    else edit(thread, button);
  }, true);
  const soon = settled(() => void refresh(), 300);
  on("news", soon);
  on("marks", soon);
  on("threads", soon);
  on("look", soon);
}
