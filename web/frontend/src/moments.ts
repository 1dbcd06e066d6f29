// Dates and times as a field holds them, on this machine's clock. Nothing here touches the page.

/** What a field for date and time holds for this instant. */
export function fieldValue(at: Date): string {
  const two = (number: number) => String(number).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** Moments that people choose often, seen from `now`; all of them to come. */
export function choices(now: Date): [string, Date][] {
  const at = (days: number, hour: number) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hour);
  const monday = (8 - now.getDay()) % 7 || 7;
  return [["In one hour", new Date(now.getTime() + 3_600_000)], ["Tomorrow 09:00", at(1, 9)], ["Monday 09:00", at(monday, 9)]];
}
