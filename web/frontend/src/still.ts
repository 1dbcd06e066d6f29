// Nothing moves under a finger: what pushes the page up or down waits while somebody presses, or their click would go elsewhere and be lost.
const AFTER_MS = 50;

let pressed = false;
let release: ReturnType<typeof setTimeout> | undefined;
const waiting = new Map<string, () => void>();

function go(): void {
  pressed = false;
  const works = [...waiting.values()];
  waiting.clear();
  for (const work of works) work();
}

/** Draws at once, or when the press that goes on has become a click. `what`: of several drawings of one thing only the last is done. */
export function whenStill(what: string, draw: () => void): void {
  if (pressed) waiting.set(what, draw);
  else draw();
}

/** Wires it once. */
export function watchPresses(): void {
  addEventListener(
    "pointerdown",
    () => {
      clearTimeout(release);
      pressed = true;
    },
    true,
  );
  // The click comes after "up", of a finger in a later turn; a press that turns into scrolling is cancelled.
  for (const end of ["pointerup", "pointercancel"]) {
    addEventListener(
      end,
      () => {
        clearTimeout(release);
        release = setTimeout(go, AFTER_MS);
      },
      true,
    );
  }
}
