import { beforeAll, describe, expect, it } from 'vitest';
import { livesOf } from '../lib/engine.ts';
import { type Stack } from '../lib/stack.ts';
import { a, b, ensureStacks } from '../lib/stacks.ts';

beforeAll(async () => {
  await ensureStacks();
});

// A preview without refresh: in commands, as a person types it. That one can show a change: the edits of 3-in-turn.
describe('nothing to do', () => {
  it('3.1 3.22: a second `npm run up` says so, and touches no container; a preview with refresh shows no change', async () => {
    const before = await livesOf(b.name);
    // Side by side, as everything that both stacks do: two cores, and half the time.
    const [preview, up] = await Promise.all([unchanged(a), b.npm('up')]);
    expect(up.code, up.output).toBe(0);
    expect(up.output).toMatch(/nothing changed/i);
    expect(await livesOf(b.name)).toEqual(before);
    for (const { code, steps, output } of [preview, await unchanged(b)]) {
      expect(steps, output).toEqual([]);
      expect(code, output).toBe(0);
    }
  });
});
const unchanged = (stack: Stack) => stack.preview('--refresh', '--expect-no-changes');
