import { createLogUpdate } from 'log-update';
import colors from 'picocolors';

export interface Progress {
  /** A step begins; the one before is finished. */
  step: (name: string) => void;
  /** How far the step is, or what it waits for. A pipe gets a line only when the words change and time has passed. */
  now: (words: string) => void;
  /** A line that stays. */
  line: (words: string) => void;
  /** The last step ended well, with these words beside it, or it did not. */
  end: (words?: string, failed?: boolean) => void;
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const plainFrames = ['-', '\\', '|', '/'];
/** How often a pipe may get a line about one step. */
const quiet = 5000;

/**
 * Shows steps on stderr, so that stdout holds results only: a live line on a terminal, plain lines elsewhere.
 *
 * @param clock milliseconds; for tests
 */
export function showProgress(
  stream: NodeJS.WriteStream = process.stderr,
  clock: () => number = () => performance.now(),
): Progress {
  const live = stream.isTTY ? createLogUpdate(stream, { showCursor: true }) : undefined;
  const unicode = /utf-?8/i.test(
    process.env['LC_ALL'] ?? process.env['LC_CTYPE'] ?? process.env['LANG'] ?? '',
  );
  const marks = unicode
    ? { spin: frames, ok: '✓', bad: '✗' }
    : { spin: plainFrames, ok: 'ok', bad: 'failed' };
  let name = '';
  let words = '';
  let begun = 0;
  let told = 0;
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;

  const seconds = () => `${((clock() - begun) / 1000).toFixed(1)} s`;
  const write = (text: string) => {
    if (live) live.clear();
    stream.write(`${text}\n`);
    draw();
  };
  const draw = () => {
    if (!live || name === '') return;
    const text = `${marks.spin[frame++ % marks.spin.length] ?? ''} ${name} (${seconds()})${words && `: ${words}`}`;
    live(text.slice(0, Math.max(20, (stream.columns || 80) - 1)));
  };
  const finish = (note?: string, failed = false) => {
    if (name === '') return;
    clearInterval(timer);
    const mark = failed ? colors.red(marks.bad) : colors.green(marks.ok);
    const text = `${mark} ${name}${note ? `: ${note}` : ''} (${seconds()})`;
    name = '';
    write(text);
  };
  return {
    step(next) {
      finish();
      [name, words, begun, told] = [next, '', clock(), clock()];
      if (live) {
        timer = setInterval(draw, 100).unref();
        draw();
      } else write(`${next} ...`);
    },
    now(next) {
      if (next === words) return;
      words = next;
      if (live) draw();
      else if (clock() - told >= quiet) {
        told = clock();
        write(`  ${seconds()}: ${words}`);
      }
    },
    line: write,
    end: finish,
  };
}
