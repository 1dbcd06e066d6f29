// Menus that drop down from a button (details.drop): a click elsewhere or Escape closes them, and one that opens closes the others.
import { all, one } from "./dom.ts";

export function startMenus(): void {
  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    for (const menu of all<HTMLDetailsElement>("details.drop[open]")) if (!target || !menu.contains(target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    for (const menu of all<HTMLDetailsElement>("details.drop[open]")) {
      menu.open = false;
      if (menu.contains(document.activeElement)) one("summary", menu)?.focus();
    }
  });
}
