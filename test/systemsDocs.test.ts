import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { demands, parts } from './systems.ts';
import { type Report, systemsText } from './systemsDocs.ts';

const report = (...tests: [string, string][]): Report => ({
  testResults: [
    { name: '/x/a.test.ts', assertionResults: tests.map(([fullName, status]) => ({ fullName, status })) },
  ],
});
const row = (text: string, id: string): string[] =>
  (text.split('\n').find((line) => line.startsWith(`| ${id} |`)) ?? '').split(' | ').slice(2);

test('3.21: an id is proved by the tests that carry it, and by no other', () => {
  const text = systemsText({
    unit: report(
      ['one (S1, A4)', 'passed'],
      ['two S10: x', 'passed'],
      ['C.S1 and S1x', 'passed'],
      ['A5: y', 'failed'],
    ),
    e2e: report(['S1: a | b', 'passed'], ['A4: z', 'skipped'], ['A7: w', 'skipped']),
  });
  expect(row(text, 'S1')).toEqual(['a.test.ts (1)', 'S1: a \\| b', 'passed |']);
  expect(row(text, 'S10')).toEqual(['a.test.ts (1)', '', 'passed by unit tests only |']);
  expect(row(text, 'A4')).toEqual(['a.test.ts (1)', 'A4: z', 'passed by unit tests only, 1 skipped |']);
  expect(row(text, 'A5')).toEqual(['a.test.ts (1)', '', '**1 failed** |']);
  expect(row(text, 'A7')).toEqual(['', 'A7: w', 'skipped |']);
  expect(row(text, 'E4')).toEqual(['', '', 'not yet |']);
});

test('3.21: a number is not part of another, nor of a version', () => {
  const text = systemsText({ unit: report(['3.14: x', 'passed'], ['v3.13.4 and 13.2', 'passed']) });
  expect(row(text, '3.14')[0]).toBe('a.test.ts (1)');
  for (const id of ['3.1', '3.4', '3.13', '3.2']) expect(row(text, id)[0], id).toBe('');
});

test('3.21: without results nothing is said to have passed', () => {
  const text = systemsText({});
  expect(text).not.toContain('passed |');
  expect(text).toContain('No results were there of: unit, e2e.');
});

test('3.21: every id has its demand', () => {
  const count = { S: 10, A: 7, B: 10, C: 8, D: 7, E: 4 };
  const ids = Object.entries(count).flatMap(([letter, many]) =>
    Array.from({ length: many }, (_, at) => `${letter}${String(at + 1)}`),
  );
  expect(Object.keys(demands)).toEqual(ids);
  const numbers = Array.from({ length: 24 }, (_, at) => `3.${String(at + 1)}`);
  expect(Object.keys(parts)).toEqual(numbers);
});

test('3.21: every id that a test carries is known', () => {
  const folder = fileURLToPath(new URL('.', import.meta.url));
  const files = globSync('**/*.{test,e2e}.ts', { cwd: folder });
  expect(files.length).toBeGreaterThan(60);
  const unknown = files.flatMap((file) =>
    [
      ...readFileSync(`${folder}/${file}`, 'utf8').matchAll(
        /\b(?:it|test|describe)\b[^'"`\n]*['"`]([^:'"`\n]+):/g,
      ),
    ]
      .flatMap(([, ids = '']) => ids.split(/[ ,]+/))
      .filter((word) => /^(?:[A-Z]\d+|\d\.\d+|[A-Z]\.\d+)$/.test(word) && !(word in demands || word in parts))
      .map((word) => `${file}: ${word}`),
  );
  expect(unknown).toEqual([]);
});
