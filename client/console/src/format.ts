// Numbers and times as people read them.

const plain = new Intl.NumberFormat('en');

export const count = (value: number): string => plain.format(value);

export const many = (value: number, one: string, several = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : several}`;

/** A length of time, in its largest unit. */
export function duration(secs: number): string {
  if (secs < 1) return `${Math.round(secs * 1_000)} ms`;
  if (secs < 90) return `${Number(secs.toFixed(secs < 10 ? 1 : 0))} s`;
  if (secs < 5_400) return `${Math.round(secs / 60)} min`;
  if (secs < 172_800) return `${Math.round(secs / 3_600)} h`;
  return `${Math.round(secs / 86_400)} days`;
}

export const ago = (at: string, now = Date.now()): string =>
  `${duration(Math.max(0, Math.round((now - Date.parse(at)) / 1_000)))} ago`;

const exact = new Intl.DateTimeFormat('en-GB', {
  dateStyle: 'medium',
  timeStyle: 'medium',
  timeZone: 'UTC',
});

/** A time in UTC, to the second. */
export const time = (at: string): string => `${exact.format(new Date(at))} UTC`;
