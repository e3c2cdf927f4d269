import { parseArgs } from 'node:util';

/** Which operation the CLI was asked for, and of which stack; undefined: of the selected one. */
export function operationOf(args: readonly string[]): {
  operation: string | undefined;
  stack: string | undefined;
} {
  const { values, positionals } = parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    options: {
      stack: { type: 'string', short: 's' },
      // The CLI's own that take a value may stand before the operation.
      cwd: { type: 'string', short: 'C' },
      color: { type: 'string' },
      tracing: { type: 'string' },
      profiling: { type: 'string' },
      memprofilerate: { type: 'string' },
      verbose: { type: 'string', short: 'v' },
    },
  });
  const [word] = positionals;
  return {
    operation: word === 'update' ? 'up' : word,
    stack: typeof values.stack === 'string' ? values.stack : undefined,
  };
}
