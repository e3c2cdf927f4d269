import { readFileSync } from 'node:fs';
import type { EngineEvent } from '@pulumi/pulumi/automation/index.js';
import { describe, expect, it } from 'vitest';
import type { Progress } from '../../commands/lib/progress.ts';
import { cleaned, watch } from '../../commands/lib/watch.ts';

const silent: Progress = {
  step: () => undefined,
  now: () => undefined,
  line: () => undefined,
  end: () => undefined,
};
const urn = (type: string, name: string) => `urn:pulumi:x::taffrail::taffrail:index:Loki$${type}::${name}`;
const command = 'command:local:Command';
const container = 'docker:index/container:Container';

// Events as the CLI 3.256 writes them with --continue-on-error.
const registering = (type: string, name: string, custom = true) => ({
  diagnosticEvent: {
    prefix: 'debug: ',
    message: `Registering resource: t=${type}, name=${name}, custom=${String(custom)}, remote=false\n`,
    color: 'never',
    severity: 'debug',
  },
});
const begun = (type: string, name: string, op = 'create') => ({
  resourcePreEvent: { metadata: { op, urn: urn(type, name), type, new: { custom: true } } },
});
const error = (message: string, of?: string) => ({
  diagnosticEvent: { urn: of, prefix: 'error: ', message, color: 'never', severity: 'error' },
});
const sdkWords = (property: string, name: string) =>
  error(
    `Running program '/srv/index.ts' failed with an unhandled exception:\n<ref *1> Error: error serializing property "${property}": resource ${name} [${command}] failed to register\n    at /srv/node_modules/@pulumi/runtime/resource.ts:788:40\n    at processTicksAndRejections (node:internal/process/task_queues:104:5) {\n  promise: Promise { <rejected> [Circular *1] }\n}\n`,
  );
const job = (output: string, reason = 'exit status 1') =>
  `${reason}: running "components/jobs/files.ts":\n${output}\n`;

function seen(...events: object[]) {
  const watcher = watch(silent, 'reading', 0);
  for (const event of events) watcher.onEvent(event as EngineEvent);
  return watcher;
}

describe('an `up` in which jobs fail', () => {
  const watcher = seen(
    registering('taffrail:index:Loki', 'loki', false),
    ...['loki-files', 'loki-restart', 'grafana-files'].map((name) => registering(command, name)),
    registering(container, 'loki'),
    registering(container, 'grafana'),
    begun(command, 'loki-files'),
    begun(command, 'grafana-files', 'same'),
    begun(container, 'grafana', 'same'),
    error(job('loki refuses the new files.\n\n  * line 3: no'), urn(command, 'loki-files')),
    sdkWords('labels', 'loki-files'),
    error('update failed'),
  );

  it('has each failure once, with the resource it belongs to, in the job’s own words', () => {
    expect(watcher.failures()).toEqual([
      { type: command, name: 'loki-files', words: 'loki refuses the new files.\n\n  * line 3: no' },
    ]);
  });

  it('knows what the program asked for and Pulumi never came to', () => {
    expect(watcher.notTried()).toEqual([
      { type: command, name: 'loki-restart' },
      { type: container, name: 'loki' },
    ]);
  });

  it('counts what fails before it begins as failed', () => {
    const checked = seen(registering(container, 'x'), error('invalid memory', urn(container, 'x')));
    expect(checked.notTried()).toEqual([]);
  });

  it('hears of that from the SDK', () => {
    const sdk = readFileSync(
      new URL('../../node_modules/@pulumi/pulumi/runtime/resource.js', import.meta.url),
    );
    expect(sdk.toString()).toContain('`Registering resource: t=${t}, name=${name}, custom=${custom}, ');
    expect(sdk.toString()).toContain('`resource ${name} [${t}] failed to register`');
  });
});

describe('the words of a job', () => {
  it.each([
    ['what it said', job('a\n  at x.yml:1:2\n\n\nb'), 'a\n  at x.yml:1:2\n\n\nb'],
    ['colours', job('\u001b[31mred\u001b[0m'), 'red'],
    ['nothing', job(''), 'The job ended with exit code 1 and said nothing.'],
    [
      'a command with quotes',
      'exit status 2: running "node -e \\"x: y\\"":\nwords: running "z":\nmore',
      'words: running "z":\nmore',
    ],
    [
      'a signal',
      job('half', 'signal: killed'),
      'The job was stopped (signal: killed): it was interrupted, or it took too long.\nhalf',
    ],
    [
      'no start',
      'exec: "node": executable file not found in $PATH: running "x":\n',
      'The job could not be run: exec: "node": executable file not found in $PATH',
    ],
    ['no job', 'error: is running "x"', 'is running "x"'],
  ])('%s', (_, raw, words) => {
    expect(cleaned(raw)).toBe(words);
  });
});
