import {
  type EngineEvent,
  LocalWorkspace,
  type Stack,
  StackNotFoundError,
} from '@pulumi/pulumi/automation/index.js';
import { explainedAll, surroundings } from './failures.ts';
import { npmRun } from '../../configs/whatToType.ts';
import { breakDeadLocks } from './locks.ts';
import { backendUrl, root } from './paths.ts';
import type { Progress } from './progress.ts';
import { Sentence, wordsOf } from './sentence.ts';
import { type Deployment, resources } from './state.ts';
import { type Attempt, type Failure, watch } from './watch.ts';

/** Whether the state is the folder of this checkout, where a lock names a process of this host. */
export const isOwnBackend = (): boolean => process.env['PULUMI_BACKEND_URL'] === backendUrl;

/** Selects a stack; makes it where `make` is set. Undefined when there is none. Pulumi's own mistakes become Sentences. */
export async function openStack(name: string, make: boolean): Promise<Stack | undefined> {
  try {
    const workspace = { workDir: root, stackName: name };
    return await (make
      ? LocalWorkspace.createOrSelectStack(workspace)
      : LocalWorkspace.selectStack(workspace));
  } catch (error) {
    if (error instanceof StackNotFoundError) return undefined;
    throw asSentence(error, name);
  }
}

export async function exportState(stack: Stack): Promise<Deployment> {
  try {
    return await stack.exportStack();
  } catch (error) {
    throw asSentence(error, stack.name);
  }
}

interface Operation {
  onEvent: (event: EngineEvent) => void;
  onOutput: (text: string) => void;
  onError: (text: string) => void;
  signal: AbortSignal;
  color: 'never';
}

interface OperationArgs {
  /** What is done, for the progress. */
  verb: string;
  /** The command that goes on after an interruption. */
  again: string;
  before: Deployment;
  /** Adds what the engine knows of a failure. */
  enrich?: (failures: Failure[]) => Promise<Failure[]>;
  /** Lines that end the message when it failed. */
  closing?: (failures: Failure[], notTried: Attempt[]) => Promise<string[]>;
}

/**
 * Runs one operation of the Automation API, shows it, and throws a Sentence when it fails or is interrupted.
 *
 * @returns how many resources changed
 */
export async function operate(
  stack: Stack,
  progress: Progress,
  { verb, again, before, enrich, closing }: OperationArgs,
  operation: (options: Operation) => Promise<unknown>,
): Promise<number> {
  const watcher = watch(progress, verb, resources(before).length);
  const stop = new AbortController();
  const told = { cancelling: false, interrupted: false };
  const output = (text: string) => {
    told.cancelling ||= /\^C received|cancelling|terminating immediately/i.test(text);
  };
  const interrupt = () => {
    if (told.interrupted) return;
    told.interrupted = true;
    progress.line('Stopping: what is being made is finished first. A second Ctrl-C cuts it off.');
    // A terminal has told Pulumi itself already. A second signal would make it drop everything at once.
    setTimeout(() => {
      if (!told.cancelling) stop.abort();
    }, 700).unref();
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt).on('SIGHUP', interrupt);
  try {
    const { onEvent } = watcher;
    await operation({ onEvent, onOutput: output, onError: output, signal: stop.signal, color: 'never' });
    return watcher.changed() ?? 0;
  } catch (error) {
    progress.end(undefined, true);
    if (told.interrupted) throw new Sentence(`Stopped. \`${again}\` goes on from here.`, 130);
    const failures = enrich ? await enrich(watcher.failures()) : watcher.failures();
    const { message, exitCode } = asSentence(error, stack.name, failures);
    const lines = closing ? await closing(failures, watcher.notTried()) : [];
    throw new Sentence(lines.length === 0 ? message : [message, '', ...lines].join('\n'), exitCode);
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt).off('SIGHUP', interrupt);
  }
}

/** What Pulumi threw, as a Sentence. */
export function asSentence(error: unknown, stack: string, failures: Failure[] = []): Sentence {
  if (error instanceof Sentence) return error;
  const words = cliWords(wordsOf(error));
  const killed = /was killed with (SIG\w+)/.exec(wordsOf(error));
  if (killed && failures.length === 0) {
    return new Sentence(
      `Pulumi was ended from outside (${killed[1] ?? ''}). \`${npmRun('up', stack)}\` puts right what it left, and goes on.`,
    );
  }
  if (words.includes('is currently locked by')) {
    if (isOwnBackend()) {
      try {
        breakDeadLocks(stack);
      } catch (held) {
        if (held instanceof Sentence) return held;
      }
    }
    return new Sentence(`${words}\nThe lock was left behind, and is removed now. Repeat the command.`);
  }
  const told = failures.length > 0 ? failures : [{ name: undefined, type: undefined, words }];
  return new Sentence(explainedAll(told, surroundings(stack)));
}

/** The CLI's own words out of the Automation API's dump of exit code, stdout and stderr. */
export function cliWords(dump: string): string {
  const stderr = /stderr: ([^]*?)(?:\n err\?:|$)/.exec(dump)?.[1] ?? dump;
  const lines = stderr.split('\n').filter((line) => !/^\s+at |^Command failed with exit code/.test(line));
  const errors = lines.filter((line) => /^\s*error:/.test(line));
  const from = errors[0] === undefined ? 0 : lines.indexOf(errors[0]);
  return lines
    .slice(from)
    .join('\n')
    .replaceAll(/^\s*error: /gm, '')
    .trim();
}
