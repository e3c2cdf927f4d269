import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { mendStateFiles } from '../../commands/lib/stateFiles.ts';

let state: string;
let folder: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'taffrail-state-'));
  folder = join(state, '.pulumi', 'stacks', 'taffrail');
});
afterEach(() => {
  rmSync(state, { recursive: true });
});

const whole = '{"user.content_type":"text/plain; charset=utf-8"}';
function written(files: Record<string, string>): void {
  mkdirSync(folder, { recursive: true });
  for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content);
}

it('3.5: half of the attributes beside a state, and drafts of it, go; the states stay, and what is another stack’s', () => {
  written({
    'prod.json': '{"version":3}',
    'prod.json.attrs': '',
    'prod.json.bak': '{"version":3}',
    'prod.json.bak.attrs': whole,
    'prod.json.18eb131c57b08d85.tmp': '{"ver',
    'production.json': '{}',
    'production.json.attrs': '{"us',
  });
  expect(mendStateFiles('prod', state)).toBe(true);
  expect(readdirSync(folder).sort()).toEqual([
    'prod.json',
    'prod.json.bak',
    'prod.json.bak.attrs',
    'production.json',
    'production.json.attrs',
  ]);
  expect(mendStateFiles('prod', state)).toBe(false);
});

it('3.5: where all is whole nothing is touched; where there is no state there is nothing to do', () => {
  expect(mendStateFiles('prod', state)).toBe(false);
  written({ 'prod.json': '{}', 'prod.json.attrs': whole });
  expect(mendStateFiles('prod', state)).toBe(false);
  expect(readdirSync(folder)).toHaveLength(2);
});
