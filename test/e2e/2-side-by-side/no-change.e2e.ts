import { beforeAll, describe, expect, it } from 'vitest';
import { livesOf } from '../lib/engine.ts';
import { a, b, ensureStacks, stacks } from '../lib/stacks.ts';

beforeAll(async () => {
  await ensureStacks();
});

// That a preview can show a change is shown by the edits of 3-in-turn.
describe('nothing to do', () => {
  it('3.1 3.22: a preview after up shows no change; a second `npm run up` says so, and touches no container', async () => {
    const before = await livesOf(b.name);
    // Side by side, as everything that both stacks do: two cores, and half the time.
    const [preview, up] = await Promise.all([a.preview('--expect-no-changes'), b.npm('up')]);
    expect(preview.steps, preview.output).toEqual([]);
    expect(preview.code, preview.output).toBe(0);
    expect(up.code, up.output).toBe(0);
    expect(up.output).toMatch(/nothing changed/i);
    expect(await livesOf(b.name)).toEqual(before);
  });

  it('3.22: a preview with refresh shows none either', async () => {
    const previews = await Promise.all(
      stacks.map((stack) => stack.preview('--refresh', '--expect-no-changes')),
    );
    for (const { code, steps, output } of previews) {
      expect(steps, output).toEqual([]);
      expect(code, output).toBe(0);
    }
  });
});
