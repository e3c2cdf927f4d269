import { describe, expect, test } from 'vitest';
import { type Mistake, MistakesError } from '../../configs/mistakes.ts';
import { parseSettings } from '../../configs/settings.ts';
import { configOf, type StackConfig } from '../stacks/load.ts';
import { typed } from './shell.ts';

/** A stack's YAML below `config:`, and every mistake that it has. */
export interface BadSetting {
  name: string;
  config: string;
  /** Keys that are stored encrypted. */
  secrets?: Record<string, string>;
  mistakes: Mistake[];
  /** What is to type only shows where to look, or edits what this test has not: it is not typed here. */
  byHand?: true;
}

/** Every value of a secret in the tables; no message may show one. */
const canary = /canary|5f2e9c81d7|5292817/;

const stack = 'prod';

const yaml = (config: string): string =>
  `config:\n${config
    .trim()
    .split('\n')
    .map((line) => `  ${line}\n`)
    .join('')}`;

/** The error of a configuration; undefined when it has no mistake. */
export function errorOf(config: StackConfig): MistakesError | undefined {
  try {
    parseSettings({ stack, ...config, today: '2026-11-22', readFolder: () => undefined });
    return undefined;
  } catch (error) {
    if (error instanceof MistakesError) return error;
    throw error;
  }
}

/** One test for each row: exactly these mistakes, no secret in the message, and the lines to type mend it. */
export function describeBad(title: string, rows: readonly BadSetting[]): void {
  describe(title, () => {
    test.each(rows)('$name', ({ config, secrets = {}, mistakes, byHand }) => {
      let at = configOf(yaml(config), secrets);
      const first = errorOf(at);
      expect(first?.mistakes).toEqual(mistakes);
      expect(first?.message).not.toMatch(canary);
      for (const { path, type } of mistakes) {
        expect(first?.message).toContain(`taffrail:${path}\n`);
        expect(first?.message).toContain(`${type}\n`);
      }
      if (byHand) return;
      // As a person would: type all lines, look again. An example may need what another line then gives.
      for (let round = 0, error = first; error !== undefined; round++, error = errorOf(at)) {
        expect(round, error.message).toBeLessThan(3);
        for (const { type } of error.mistakes) at = typed(type, at);
      }
    });
  });
}
