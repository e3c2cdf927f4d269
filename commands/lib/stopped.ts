import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { connect, defaultAddress, type Engine, label, labelled } from './engine.ts';
import { npmRun } from './lines.ts';
import { hostNamed } from './stackSettings.ts';

/**
 * What the CLI cannot say after an `up` of its own has failed: which services of the stack do not run. A job that
 * stands in such a service's network cannot start, and then nothing of the program speaks. Undefined when all run,
 * when it was another operation, and when the engine does not answer.
 */
export async function stoppedAfter(args: readonly string[], cli: string): Promise<string | undefined> {
  const { operation, stack: named } = operationOf(args);
  if (operation !== 'up') return undefined;
  try {
    const stack = named ?? (await execa(cli, ['stack', '--show-name', '--non-interactive'])).stdout.trim();
    const engine = await connect(hostNamed(stack) ?? process.env['DOCKER_HOST'] ?? defaultAddress);
    try {
      return stoppedWords(stack, await stoppedServices(engine, stack));
    } finally {
      engine.close();
    }
  } catch {
    return undefined; // the CLI has said enough
  }
}

/** Which operation the CLI was asked for, and of which stack; undefined: of the selected one. */
export function operationOf(args: readonly string[]): {
  operation: string | undefined;
  stack: string | undefined;
} {
  const { values, positionals } = parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    options: { stack: { type: 'string', short: 's' }, cwd: { type: 'string', short: 'C' } },
  });
  const [word] = positionals;
  return {
    operation: word === 'update' ? 'up' : word,
    stack: typeof values.stack === 'string' ? values.stack : undefined,
  };
}

async function stoppedServices(engine: Engine, stack: string): Promise<string[]> {
  const { containers } = await labelled(engine, stack);
  return containers
    .filter(({ Labels, State }) => Labels[label.job] === undefined && State === 'exited')
    .map(({ Labels, Id }) => Labels[label.service] ?? Id.slice(0, 12))
    .sort();
}

export function stoppedWords(stack: string, services: readonly string[]): string | undefined {
  if (services.length === 0) return undefined;
  const them = services.length === 1 ? 'it' : 'them';
  return (
    `Stopped in the stack ${stack}: ${services.join(', ')}. ` +
    `To start ${them} and go on:\n  ${npmRun('up', stack)}`
  );
}
