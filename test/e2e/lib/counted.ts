import { inOrder, type Stream } from './stores.ts';

/** How many numbered lines each container prints (workloads/counter). */
export const each = 2500;

export const numbers = (streams: Stream[]): number[] =>
  inOrder(streams).map((line) => (JSON.parse(line) as { n: number }).n);

/** Which lines of 1 to `each` are missing, which came more than once, and where the order went back. */
export function faults(found: number[]) {
  const times = new Map<number, number>();
  for (const n of found) times.set(n, (times.get(n) ?? 0) + 1);
  return {
    missing: Array.from({ length: each }, (_, index) => index + 1).filter((n) => !times.has(n)),
    repeated: [...times].filter(([, count]) => count > 1).map(([n]) => n),
    backwards: found.filter((n, index) => index > 0 && n < (found[index - 1] ?? 0)),
  };
}
export const none = { missing: [], repeated: [], backwards: [] };
