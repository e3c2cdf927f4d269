import { existsSync, readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { closest } from 'fastest-levenshtein';
import { root, stackFile } from './paths.ts';
import { Sentence, wordsOf } from './sentence.ts';

export interface Arguments {
  /** The stack; `local` when none is named. */
  stack: string;
  /** Do not ask. */
  yes: boolean;
}

/**
 * Reads `-s <stack>` and, where `asks` is set, `--yes`. Throws a Sentence that shows how to call the command, and
 * ends the process after `--help`.
 */
export function readArguments(
  command: string,
  about: string,
  asks = false,
  given = process.argv.slice(2),
): Arguments {
  const usage = `npm run ${command} [-- -s <stack>${asks ? ' --yes' : ''}]`;
  const parsed = parsedOr(given, asks, usage);
  if (parsed.values.help) {
    console.log(`${usage}\n\n${about}`);
    process.exit(0);
  }
  const [extra] = parsed.positionals;
  if (extra !== undefined) {
    // npm itself takes `-s` when the two dashes are missing, and hands on the bare name.
    const meant = parsed.values.stack ?? extra;
    throw new Sentence(
      `I do not know what to do with "${extra}". A stack is named after two dashes:\n  npm run ${command} -- -s ${meant}`,
    );
  }
  const stack = parsed.values.stack ?? 'local';
  if (!/^[a-z0-9][a-z0-9_-]{0,50}$/.test(stack)) {
    throw new Sentence(
      `"${stack}" cannot be the name of a stack: wanted are small letters, digits, - and _, as in "prod".`,
    );
  }
  return { stack, yes: parsed.values.yes ?? false };
}

function parsedOr(given: string[], asks: boolean, usage: string) {
  try {
    const parsed = parseArgs({
      args: given,
      allowPositionals: true,
      options: {
        stack: { type: 'string', short: 's' },
        help: { type: 'boolean', short: 'h' },
        yes: { type: 'boolean', short: 'y' },
      },
    });
    if (parsed.values.yes && !asks) throw new Error("Unknown option '--yes'");
    return parsed;
  } catch (error) {
    throw new Sentence(`${wordsOf(error).split('. ')[0] ?? ''}.\nUse: ${usage}`);
  }
}

/** Stops when a stack other than `local` has no settings file: a misspelt name must not make a new, empty stack. */
export function mustExist(stack: string, command: string): void {
  if (stack === 'local' || existsSync(stackFile(stack))) return;
  const stacks = readdirSync(root).flatMap((file) => /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1] ?? []);
  const near = stacks.length > 0 ? closest(stack, stacks) : undefined;
  throw new Sentence(
    `There is no stack "${stack}": Pulumi.${stack}.yaml is missing.` +
      (near === undefined ? '' : ` There is: ${stacks.join(', ')}.\n  npm run ${command} -- -s ${near}`),
  );
}
