// The part of a thread that scrolls: where the reader is in it, and the button that leads to its end.
import { one } from "./dom.ts";

const END_PX = 80;
const TOP_PX = 200;

export class Frame {
  /** The reader was at the end when last seen to scroll. */
  #ended = false;
  readonly #sized: ResizeObserver;

  constructor(readonly element: HTMLElement) {
    // Where the head, a refusal, the composer or a keyboard takes space from the messages, the newest stays before the eyes.
    this.#sized = new ResizeObserver(() => {
      if (this.#ended) this.toEnd();
    });
    this.#sized.observe(element);
  }

  stop(): void {
    this.#sized.disconnect();
  }

  get atEnd(): boolean {
    return this.element.scrollHeight - this.element.scrollTop - this.element.clientHeight < END_PX;
  }

  /** The reader comes to the oldest entries that are on the page. */
  get nearTop(): boolean {
    return this.element.scrollTop < TOP_PX && this.element.scrollHeight > this.element.clientHeight;
  }

  toEnd(smooth = false): void {
    this.element.scrollTo({ top: this.element.scrollHeight, behavior: smooth ? "smooth" : "instant" });
  }

  /** Puts a line near the top of what is seen, without moving the page around the log. */
  toLine(line: HTMLElement): void {
    const gap = line.getBoundingClientRect().top - this.element.getBoundingClientRect().top;
    this.element.scrollTop += gap - 32;
  }

  /** Returns a way to put before the eyes again what is there now, after entries were added above. */
  hold(): () => void {
    const height = this.element.scrollHeight - this.element.scrollTop;
    return () => {
      this.element.scrollTop = this.element.scrollHeight - height;
    };
  }

  offerJump(): void {
    const jump = one("#jump");
    if (jump) jump.hidden = false;
  }

  scrolled(): void {
    this.#ended = this.atEnd;
    const jump = one("#jump");
    if (jump && this.#ended) jump.hidden = true;
  }
}
