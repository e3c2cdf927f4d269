import { expect, test } from 'vitest';
import { type Files, revisionOf } from '../../configs/files.ts';

/** A value with every object's keys in the opposite order, as another way of writing the same settings. */
export function reordered<T>(value: T): T {
  if (Array.isArray(value)) return value.map(reordered) as T;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toReversed();
  return Object.fromEntries(entries.map(([key, inner]) => [key, reordered(inner) as unknown])) as T;
}

/**
 * What every renderer keeps: golden files, the same bytes twice, in whatever order the settings are written.
 * `otherOrder` leaves alone what no person writes.
 */
export function rendersAlike<T>(
  program: string,
  cases: Readonly<Record<string, T>>,
  render: (config: T) => Files,
  otherOrder: (config: T) => T = reordered,
): void {
  for (const [name, config] of Object.entries(cases)) {
    test(`3.20, 3.21: golden files, ${name}`, async () => {
      for (const [path, content] of Object.entries(render(config)))
        await expect(content).toMatchFileSnapshot(`golden/${program}/${name}/${path}`);
    });
    test(`3.21: the same bytes twice and in any order of keys, ${name}`, () => {
      expect(render(structuredClone(config))).toEqual(render(config));
      expect(render(otherOrder(config))).toEqual(render(config));
      expect(revisionOf(render(otherOrder(config)))).toBe(revisionOf(render(config)));
    });
  }
}

/** A revision follows the content: it stays with the same settings, and each of the changes gives another one. */
export function revisionFollows<T>(config: T, changes: readonly T[], revision: (config: T) => string): void {
  test('3.14: the revision changes if and only if the content does', () => {
    expect(revision(config)).toMatch(/^[0-9a-f]{12}$/);
    expect(revision(structuredClone(config))).toBe(revision(config));
    const revisions = [config, ...changes].map(revision);
    expect(new Set(revisions).size).toBe(revisions.length);
  });
}
