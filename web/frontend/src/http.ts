// Requests to our own server: whose page asks, CSRF token, time limit, and errors in two sorts: refused (with words) and
// unreachable (try again).
import { covered } from "./cover.ts";

/** The server understood and said no. `text` says what to do. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly text: string,
    readonly field: string | null,
  ) {
    super(text);
  }
}

/** No answer, or one that may be different in a moment. */
export class Unreachable extends Error {
  /** `fault`: the words of a plain 500, which may well come again; null for everything that passes by itself. */
  constructor(
    readonly waitSeconds: number | null = null,
    readonly fault: string | null = null,
  ) {
    super("no answer");
  }
}

export interface Answer {
  ok: true;
  value?: unknown;
  entry?: string | null;
}

const LIMIT_MS = 20_000;
const AGAIN = new Set([408, 425, 429, 500, 502, 503, 504, 507]);

export function csrfToken(): string {
  return document.querySelector<HTMLMetaElement>("meta[name=csrf-token]")?.content ?? "";
}

function keepToken(token: string): void {
  const meta = document.querySelector<HTMLMetaElement>("meta[name=csrf-token]");
  if (meta) meta.content = token;
  for (const input of document.querySelectorAll<HTMLInputElement>("input[name=csrf_token]")) input.value = token;
}

/**
 * Whose page this is. The cookie is the browser's: when somebody else logs in in a second tab, the server refuses what
 * this page still sends, instead of storing it under the other name.
 */
export const ACCOUNT_HEADER = "X-Bedside-Account";
export function accountHeader(): Record<string, string> {
  const account = document.body.dataset.account;
  return account ? { [ACCOUNT_HEADER]: account } : {};
}

async function words(response: Response): Promise<{ code?: string; text?: string; field?: string | null }> {
  try {
    return (await response.json()) as { code?: string; text?: string; field?: string | null };
  } catch {
    return {};
  }
}

async function call(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, {
      ...init,
      credentials: "same-origin",
      redirect: "error",
      signal: AbortSignal.timeout(LIMIT_MS),
      headers: { Accept: "application/json", "X-Bedside-Script": "1", ...accountHeader(), ...init.headers },
    });
  } catch {
    throw new Unreachable();
  }
  if (response.ok) return response;
  if (AGAIN.has(response.status)) {
    const wait = Number(response.headers.get("Retry-After"));
    const fault = response.status === 500 ? ((await words(response)).text ?? "") : null;
    throw new Unreachable(Number.isFinite(wait) && wait > 0 ? wait : null, fault);
  }
  const problem = await words(response);
  throw new Refused(
    response.status,
    problem.code ?? "refused",
    problem.text ?? "The server refused this. Reload the page and try again.",
    problem.field ?? null,
  );
}

/** Asks for the CSRF token of this browser's session: the same person may have signed in anew in another tab. */
export async function renewToken(): Promise<boolean> {
  const response = await call("/session", { method: "GET" });
  const session = (await response.json()) as { csrf: string };
  const changed = session.csrf !== csrfToken();
  keepToken(session.csrf);
  return changed;
}

/** POST of JSON. Throws Refused or Unreachable. */
export async function post<T = Answer>(url: string, data: unknown): Promise<T> {
  const send = () =>
    call(url, {
      method: "POST",
      body: JSON.stringify(data),
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
    });
  try {
    return (await (await send()).json()) as T;
  } catch (error) {
    if (!(error instanceof Refused) || error.code !== "csrf" || !(await renewToken())) throw error;
    return (await (await send()).json()) as T;
  }
}

/** GET of JSON. Throws Refused or Unreachable. */
export async function getJson<T>(url: string): Promise<T> {
  return (await (await call(url, { method: "GET" })).json()) as T;
}

/** GET of fragments; what comes after the sign-out may not be read any more. Throws Refused or Unreachable. */
export async function getFragments(url: string): Promise<{ html: string; more: boolean }> {
  const response = await call(url, { method: "GET", headers: { Accept: "text/html" } });
  const html = await response.text();
  if (covered()) throw new Refused(401, "not-signed-in", "You have been signed out. Sign in again to read on.", null);
  return { html, more: response.headers.get("X-Bedside-More") === "1" };
}
