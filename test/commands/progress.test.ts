import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { showProgress } from '../../commands/lib/progress.ts';

/** A stream that keeps what is written, as a terminal or as a pipe, and a clock that the test moves. */
function shown({ isTTY = false, columns = 80 } = {}) {
  let text = '';
  const stream = new PassThrough().setEncoding('utf8');
  stream.on('data', (data: string) => (text += data));
  let now = 0;
  const progress = showProgress(
    Object.assign(stream, { isTTY, columns, rows: 24 }) as unknown as NodeJS.WriteStream,
    () => now,
  );
  return {
    progress,
    wait: (seconds: number) => {
      now += seconds * 1000;
      vi.advanceTimersByTime(seconds * 1000);
    },
    raw: () => text,
    text: () => stripVTControlCharacters(text),
  };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubEnv('LC_ALL', 'C.UTF-8');
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

describe('3.1: progress in a pipe', () => {
  it('is plain lines from the first moment: which step, how far and what it waits for, and how it ended', () => {
    const { progress, wait, text } = shown();
    progress.step('up');
    expect(text()).toBe('up ...\n');
    wait(1);
    progress.now('1 of 3');
    expect(text()).toBe('up ...\n');
    wait(5);
    progress.now('2 of 3, waiting for loki');
    expect(text()).toBe('up ...\n  6.0 s: 2 of 3, waiting for loki\n');
    wait(20);
    progress.now('2 of 3, waiting for loki');
    progress.line('repair: something');
    progress.end('3 changed');
    expect(text()).toBe(
      'up ...\n  6.0 s: 2 of 3, waiting for loki\nrepair: something\n✓ up: 3 changed (26.0 s)\n',
    );
  });

  it('says what failed, and without UTF-8 in letters', () => {
    vi.stubEnv('LC_ALL', 'POSIX');
    const { progress, raw, text } = shown();
    progress.step('host');
    progress.end(undefined, true);
    expect(text()).toBe('host ...\nfailed host (0.0 s)\n');
    expect(raw()).not.toContain('\r');
  });
});

describe('3.1: progress on a terminal', () => {
  it('is one live line, which moves and is as wide as the terminal at most; what stays is written above it', () => {
    const { progress, wait, raw, text } = shown({ isTTY: true, columns: 40 });
    progress.step('up');
    progress.now('1 of 3, waiting for loki, prometheus, grafana and 2 more');
    const drawn = text().length;
    wait(1);
    expect(text().length).toBeGreaterThan(drawn);
    expect(text()).toContain('up (1.0 s): 1 of 3, waiting for');
    // Redrawn in place, never in a line of its own.
    expect(raw()).toContain('\u001b[');
    for (const line of text().split(/\r|\n/))
      for (const frame of line.split(/(?=[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏])/)) expect(frame.length).toBeLessThan(40);
    progress.line('repair: something');
    expect(text()).toContain('repair: something\n');
    progress.end('3 changed');
    expect(text().trimEnd().endsWith('✓ up: 3 changed (1.0 s)')).toBe(true);
    const ended = text();
    wait(5);
    expect(text()).toBe(ended);
  });
});
