import { execa } from 'execa';
import { connect, defaultAddress, type Engine } from './engine.ts';
import { within } from './facts.ts';
import { npmRun } from '../../configs/whatToType.ts';
import { deadLocks, locksOf } from './locks.ts';
import { operationOf } from './operation.ts';
import { backendUrl } from './paths.ts';
import { look, planRepair, type Present, refuseForeign, type Repair, sameHost } from './repair.ts';
import { Sentence } from './sentence.ts';
import { hostNamed } from './stackSettings.ts';
import { type Deployment, hostOf, known, pendingOperations } from './state.ts';

/**
 * What the CLI cannot say after an `up` of its own has failed: what a killed run or somebody's hand has left, and who
 * else has the stack's compose project. Undefined when there is none of it, when it was another operation, when another
 * command is working on the stack, and when the engine does not answer.
 *
 * @param told stacks whose line to type stands there already
 */
export async function causesAfter(
  args: readonly string[],
  cli: string,
  told: readonly string[] = [],
): Promise<string | undefined> {
  const { operation, stack: named } = operationOf(args);
  if (operation !== 'up') return undefined;
  const ask = async (...words: string[]): Promise<string> =>
    (await execa(cli, [...words, '--non-interactive'], { stdin: 'ignore', timeout: 15_000 })).stdout;
  try {
    const full = named ?? (await ask('stack', '--show-name')).trim();
    const stack = full.split('/').at(-1) ?? full; // `acme/taffrail/prod`
    const ownBackend = process.env['PULUMI_BACKEND_URL'] === backendUrl;
    if (ownBackend && isHeld(stack)) return undefined;
    const engine = await connect(hostNamed(stack) ?? process.env['DOCKER_HOST'] ?? defaultAddress);
    try {
      const state = await ask('stack', 'export', '-s', full).then(
        (text) => JSON.parse(text) as Deployment,
        () => undefined, // the CLI has said why
      );
      const causes = await within(20_000, causesOf(engine, stack, state));
      return causeWords(stack, causes, { told: told.includes(stack), ownBackend });
    } finally {
      engine.close();
    }
  } catch {
    return undefined; // the CLI has said enough
  }
}

/** Whether a living process changes the stack: what looks left behind is its work. */
const isHeld = (name: string): boolean =>
  locksOf(name).length > 0 && !deadLocks().some(({ stack }) => stack === name);

/** Why an `up` may fail although nothing is wrong with the settings. */
export interface Causes {
  /** What a killed run left, or somebody's hand: each a clause. */
  left: string[];
  /** What to say of containers that are not Taffrail's. */
  foreign?: string | undefined;
}

/** Looks for them. Without a state, nothing is known to be left. */
export async function causesOf(
  engine: Engine,
  stack: string,
  state: Deployment | undefined,
): Promise<Causes> {
  const [foreign, present] = await Promise.all([
    refuseForeign(engine, stack).then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof Sentence) return error.message;
        throw error;
      },
    ),
    look(engine, stack),
  ]);
  const left = state && isHere(engine, state, present) ? clauses(state, planRepair(state, present)) : [];
  return { left, foreign };
}

/** Whether a state is of this engine, which may have got a new name since: another one's says nothing about it. */
function isHere({ address }: Engine, state: Deployment, { allContainers, allNetworks }: Present): boolean {
  const home = hostOf(state);
  if (home === undefined || sameHost(home, address)) return true;
  const { containers, networks } = known(state);
  return containers.some((id) => allContainers.has(id)) || networks.some((id) => allNetworks.has(id));
}

/** Helpers are not among them: a job removes that of its predecessor. */
function clauses(state: Deployment, plan: Repair): string[] {
  const interrupted = pendingOperations(state);
  return [
    ...interrupted.map((operation) => `${operation} was interrupted`),
    ...plan.orphanContainers.map(({ name }) => `the container ${name} is in no state`),
    ...plan.orphanNetworks.map(({ name }) => `the network ${name} is in no state`),
    ...plan.refresh.filter((words) => !interrupted.includes(words)),
  ];
}

/**
 * The causes, and once the line that repairs them.
 *
 * @param told that line stands there already
 * @param ownBackend nobody elsewhere can be working on the stack
 */
export function causeWords(
  stack: string,
  { left, foreign }: Causes,
  { told, ownBackend } = { told: false, ownBackend: true },
): string | undefined {
  const words = foreign === undefined ? [] : [foreign];
  if (!told && left.length > 0) {
    const run = ownBackend ? 'Run' : 'If no other command is working on it, run';
    words.push(`Stack ${stack} needs repair: ${shortened(left)}. ${run}:`, `  ${npmRun('up', stack)}`);
  }
  return words.length === 0 ? undefined : words.join('\n');
}

const shortened = (list: readonly string[]): string =>
  list.length <= 4 ? list.join(', ') : `${list.slice(0, 4).join(', ')} and ${list.length - 4} more`;
