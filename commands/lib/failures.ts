import { npmRun } from '../../configs/whatToType.ts';
import { listenerOf } from './processes.ts';
import type { Failure } from './watch.ts';

/** What the words of a failure are judged by. */
export interface Surroundings {
  stack: string;
  /** Where the passphrase is read from, in words. */
  passphrase: string;
  /** Names a port's holder; undefined when nobody can be named. */
  holderOf: (port: number) => string | undefined;
}

/** Where messages name the image that cannot be had, surest first. */
const imageNames = [
  /manifest for (\S+) not found/,
  /failed to resolve reference "([^"]+)"/,
  /unable to pull image ([\w./:@-]*\w)/,
  /pull access denied for ([^\s,]+)/,
  /Unable to (?:find or )?pull image "?([\w./:@-]*\w)/,
  /image "?([\w.-]+[/:][\w./:@-]*\w)/,
];

type Rule = [pattern: RegExp, sentence: (found: RegExpExecArray, around: Surroundings) => string];

// The words are those of the engine, of the docker provider and of Pulumi; the first rule that fits counts.
const rules: Rule[] = [
  [
    /incorrect passphrase/,
    (_, { stack, passphrase }) =>
      `The passphrase (${passphrase}) is not the one with which the secrets of the stack ${stack} were encrypted.\n` +
      'Put the right one into a file, and:  export PULUMI_CONFIG_PASSPHRASE_FILE=<file>',
  ],
  [
    /(?:passphrase must be set|get encryption salt|constructing secrets manager of type "passphrase")/,
    (_, { passphrase }) =>
      `The passphrase (${passphrase}) cannot be read.\nGive it in a file:  export PULUMI_CONFIG_PASSPHRASE_FILE=<file>`,
  ],
  [
    // Not of a connection outwards, which has no port left.
    /(\d+(?:\.\d+){3}|(?<=\[)[\da-f:]+(?=\]))\]?:\d+[^\n]*(?<!connect: )cannot assign requested address/,
    (found, { stack }) =>
      `The Docker host has no address ${found[1] ?? ''}, on which a setting publishes.\n` +
      `See those it has, there:  ip -brief address     See which setting:  grep -n 'address: ${found[1] ?? ''}' Pulumi.${stack}.yaml`,
  ],
  [
    /(?:port is already allocated|address already in use|ports are not available)/,
    (found, { holderOf, stack }) => {
      const port = /:(\d+)(?:\/tcp)?(?: |:)[^\n]*(?:already|not available)/.exec(found.input)?.[1] ?? '?';
      const holder = holderOf(Number(port));
      return (
        `The port ${port} is taken${holder === undefined ? '' : ` by ${holder}`}.\n` +
        `Stop that one (docker ps --filter publish=${port}; sudo ss -ltnp 'sport = :${port}'), or choose another port in Pulumi.${stack}.yaml.`
      );
    },
  ],
  [
    /container name "\/?([^"]+)" is already in use by container "?([0-9a-f]{12})/,
    (found) =>
      `The name ${found[1] ?? ''} is taken by the container ${found[2] ?? ''}, which this stack did not make.\n` +
      `Look at it:  docker inspect ${found[2] ?? ''}     Free the name:  docker rename ${found[1] ?? ''} ${found[1] ?? ''}-old`,
  ],
  [
    /network (?:with name )?([0-9a-f]{64}) (?:not found|could not be found)/,
    (_, { stack }) =>
      `The engine has lost a network that the stack made.\n` +
      `To make it again, and what was on it:  ${npmRun('up', stack)}`,
  ],
  [
    /(?:[Nn]o such network:?|network) "?([\w.-]+)"?(?: not found|$)/m,
    (found) =>
      `There is no network ${found[1] ?? ''} on the engine, and a setting joins it.\n` +
      `Start what makes it (docker network ls shows what is there), or:  docker network create ${found[1] ?? ''}`,
  ],
  [
    /no such host|server misbehaving|Temporary failure in name resolution|TLS handshake timeout|awaiting headers|dial tcp [^\n]*(?:connection refused|no route to host|network is unreachable|i\/o timeout|deadline exceeded)/,
    ({ input }, { stack }) => {
      const registry =
        /(?:Get|Head) "https?:\/\/([^/"]+)/.exec(input)?.[1] ??
        /lookup ([\w.-]+)/.exec(input)?.[1] ??
        '(unnamed)';
      return (
        `The registry ${registry} cannot be reached from the engine.\n` +
        `Try:  docker pull hello-world     Behind a mirror:  pulumi config set -s ${stack} taffrail:registryMirror <registry>`
      );
    },
  ],
  [
    /manifest for \S+ not found|manifest unknown|repository does not exist|pull access denied for|failed to resolve reference "[^"]+": .*not found|Unable to (?:find or )?(?:pull|read Docker) image/,
    ({ input }) => {
      const image = imageNames.flatMap((pattern) => pattern.exec(input)?.[1] ?? [])[0] ?? '';
      return (
        `The image ${image} does not exist under that name and tag, or its registry wants a login.\n` +
        `See for yourself:  docker pull ${image}`.trimEnd()
      );
    },
  ],
  [
    /no space left on device/,
    () =>
      'The disk of the Docker host is full.\nSee what takes it:  docker system df     Free some:  docker image prune -a',
  ],
  [
    /(?:Cannot connect to the Docker daemon|error pinging docker server|docker\.sock: connect: )/i,
    ({ input }, { stack }) =>
      `The Docker engine stopped answering: ${input.split('\n').at(-1) ?? ''}\nSee why:  ${npmRun('doctor', stack)}`,
  ],
  [
    /cannot be deleted[^]*because it is protected|resource .* is protected/i,
    (_, { stack }) =>
      'A volume is protected, as those of a production stack are.\n' +
      `To delete it for good:  eval "$(npm run -s env)"; pulumi state unprotect --all -s ${stack}`,
  ],
];

/** One failure for a person: what it means and what to type, when it is known, and its own words in any case. */
export function explained(failure: Failure, around: Surroundings): string {
  const own = failure.name === undefined ? failure.words : `${failure.name}: ${failure.words}`;
  for (const [pattern, sentence] of rules) {
    const found = pattern.exec(failure.words);
    if (found) return `${sentence(found, around)}\n${indented(own)}`;
  }
  return own;
}

/** Every failure, each told once. */
export function explainedAll(failures: readonly Failure[], around: Surroundings): string {
  const texts = failures.map((failure) => explained(failure, around));
  return [...new Set(texts)].join('\n\n');
}

const indented = (text: string): string =>
  text
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');

/** Where the passphrase comes from, without saying it. */
export function passphraseSource(variables: NodeJS.ProcessEnv = process.env): string {
  if (variables['PULUMI_CONFIG_PASSPHRASE'] !== undefined) return 'the variable PULUMI_CONFIG_PASSPHRASE';
  return variables['PULUMI_CONFIG_PASSPHRASE_FILE'] ?? 'not set';
}

export const surroundings = (stack: string): Surroundings => ({
  stack,
  passphrase: passphraseSource(),
  holderOf(port) {
    const listener = listenerOf(port);
    return listener && `process ${listener.pid} (${listener.command})`;
  },
});
