import { describe, expect, test } from 'vitest';
import { operationOf, stoppedAfter, stoppedWords } from '../../commands/lib/stopped.ts';

describe('after a native `up` that failed', () => {
  test.each([
    [['up'], 'up', undefined],
    [['update', '--yes', '-s', 'prod'], 'up', 'prod'],
    [['up', '--stack=prod', '--diff'], 'up', 'prod'],
    [['--stack', 'prod', 'up', '--replace', 'urn:pulumi:x'], 'up', 'prod'],
    [['-C', 'elsewhere', 'preview'], 'preview', undefined],
    [['config', 'set', 'up', 'x'], 'config', undefined],
    [[], undefined, undefined],
  ])('3.14: of %j it knows the operation and the stack', (args, operation, stack) => {
    expect(operationOf(args)).toEqual({ operation, stack });
  });

  test('3.14: names what has stopped, and the line to type', () => {
    expect(stoppedWords('local', ['loki'])).toBe(
      'Stopped in the stack local: loki. To start it and go on:\n  npm run up',
    );
    expect(stoppedWords('prod', ['loki', 'prometheus'])).toBe(
      'Stopped in the stack prod: loki, prometheus. To start them and go on:\n  npm run up -- -s prod',
    );
  });

  test('3.14: says nothing where all runs, of other operations, and where nobody can be asked', async () => {
    expect(stoppedWords('local', [])).toBeUndefined();
    // A CLI that is not there would be asked for the stack.
    expect(await stoppedAfter(['preview'], '/nowhere/pulumi')).toBeUndefined();
    expect(await stoppedAfter(['up'], '/nowhere/pulumi')).toBeUndefined();
  });
});
