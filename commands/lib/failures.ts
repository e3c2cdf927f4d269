import { npmRun, shellWord } from '../../configs/whatToType.ts';
import { listenerOf } from './processes.ts';
import { containerType, imageType, jobType } from './state.ts';
import type { Attempt, Failure } from './watch.ts';

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

/** How the person logs in to the Docker host: by the engine's address in the words, else by ssh's own. */
export function sshTo(input: string): string {
  const [, target, port] = /ssh:\/\/((?:[\w.-]+@)?(?:\[[\da-f:]+\]|[\w.-]+))(?::(\d+))?/i.exec(input) ?? [];
  const named =
    target?.replace(/\[|\]/g, '') ??
    /([\w.-]+@[\w.:-]*\w): Permission denied/.exec(input)?.[1] ??
    /(?:connect to host|resolve hostname|host key is known for) ([\w.:-]*\w)/.exec(input)?.[1] ??
    '<host>';
  return `ssh ${port === undefined ? '' : `-p ${port} `}${named}`;
}

/** The name under which ssh keeps the host's key: its own configuration may have another one than the address. */
export function keyName(input: string): string {
  const told = /Host key for (\S+) has changed/.exec(input)?.[1];
  if (told !== undefined) return shellWord(told);
  const [, port, target = ''] = /^ssh (?:-p (\d+) )?(?:.*@)?(.*)$/.exec(sshTo(input)) ?? [];
  return port === undefined ? target : `'[${target}]:${port}'`;
}

// The words are those of the engine, of ssh, of the docker provider, of the jobs and of Pulumi; the first rule that fits
// counts. ssh comes before the engine, which is silent because of it.
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
    /Permission denied \([\w,-]+\)/,
    ({ input }, { stack }) =>
      'ssh may not log in to the Docker host: it offers no key that the host accepts. Jobs cannot ask for a password.\n' +
      `Try:  ${sshTo(input)} docker version     Let a key in:  ${sshTo(input).replace(/^ssh/, 'ssh-copy-id')}     Then:  ${npmRun('doctor', stack)}`,
  ],
  [
    /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    ({ input }, { stack }) =>
      'The Docker host shows another key than before: it was reinstalled, or somebody else answers in its place.\n' +
      `If it was reinstalled:  ssh-keygen -R ${keyName(input)} && ${sshTo(input)} true     Then:  ${npmRun('doctor', stack)}`,
  ],
  [
    /Host key verification failed|host key is known for/,
    ({ input }, { stack }) =>
      'ssh does not know the key of the Docker host, and jobs cannot ask whether it is right.\n' +
      `Log in once and compare it:  ${sshTo(input)} true     Then:  ${npmRun('doctor', stack)}`,
  ],
  [
    /(?:kex|ssh)_exchange_identification|Connection (?:closed|reset) by \S+ port \d+|banner exchange/,
    (_, { stack }) =>
      'sshd on the Docker host drops connections: too many log in at once (MaxStartups in its sshd_config), or it is starting.\n' +
      `With fewer at once:  PULUMI_PARALLEL=4 ${npmRun('up', stack)}     See how it is:  ${npmRun('doctor', stack)}`,
  ],
  [
    /ssh: (?:connect to host|Could not resolve hostname) /,
    ({ input }, { stack }) =>
      `The Docker host cannot be reached by ssh.\nTry:  ${sshTo(input)} true     See why:  ${npmRun('doctor', stack)}`,
  ],
  [
    /no program ssh on the PATH|spawn ssh ENOENT|exec: "ssh": executable file not found/,
    (_, { stack }) =>
      `The Docker host is reached by the program ssh, which this machine does not have.\nOn Debian:  sudo apt-get install openssh-client     Then:  ${npmRun('doctor', stack)}`,
  ],
  [
    /docker: (?:command )?not found/,
    ({ input }, { stack }) =>
      'There is no docker on the PATH of the user that ssh logs in as on the Docker host.\n' +
      `Try:  ${sshTo(input)} docker version     Then:  ${npmRun('doctor', stack)}`,
  ],
  [
    /connect EACCES \/|permission denied while trying to connect to the [Dd]ocker/,
    (_, { stack }) =>
      `The user may not use the socket of the Docker engine.\nSee which user, and what to type:  ${npmRun('doctor', stack)}`,
  ],
  [
    /Docker engine at \S+ does not answer|connect (?:ENOENT|ECONNREFUSED) \/|Cannot connect to the Docker daemon|error pinging docker server|docker\.sock: connect: /i,
    (_, { stack }) => `The Docker engine stopped answering.\nSee why:  ${npmRun('doctor', stack)}`,
  ],
  [
    /exec: "node": executable file not found/,
    () => 'The jobs need node on the PATH.\nType:  npm ci && eval "$(npm run -s env)"',
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
    /cannot be deleted[^]*because it is protected|resource .* is protected/i,
    (_, { stack }) =>
      'A volume is protected, as those of a production stack are.\n' +
      `To delete it for good:  eval "$(npm run -s env)"; pulumi state unprotect --all -s ${stack}`,
  ],
];

/**
 * The program or the image that a resource belongs to: `loki-restart` and `loki` are loki's, `image-loki` is the image
 * loki. What belongs to no program keeps its name.
 */
export function subjectOf({ name, type }: Attempt): string {
  if (type === jobType) return name.replace(/-(?:files|reload|restart|proof|role|password)$/, '');
  if (type !== imageType) return name;
  // Of a pinned one, with the hash of what is used instead; or of an app's own.
  return `image ${name.replace(/^image-(.+?)(?:-[\da-f]{12})?$/, '$1').replace(/-image$/, '')}`;
}

/** One failure for a person: what it means and what to type, when it is known, and its own words in any case. */
export const explained = (failure: Failure, around: Surroundings): string => explainedAll([failure], around);

/** Every failure once: those of one cause together, those of the same words in one line. */
export function explainedAll(failures: readonly Failure[], around: Surroundings): string {
  const causes = new Map<string, { sentence: string | undefined; subjects: Map<string, Set<string>> }>();
  for (const failure of failures) {
    const sentence = sentenceOf(failure.words, around);
    const key = sentence ?? `\0${failure.words}`;
    const { subjects } = causes.get(key) ?? { subjects: new Map<string, Set<string>>() };
    const own = subjects.get(failure.words) ?? new Set();
    if (failure.name !== undefined) own.add(subjectOf({ name: failure.name, type: failure.type }));
    causes.set(key, { sentence, subjects: subjects.set(failure.words, own) });
  }
  return [...causes.values()]
    .map(({ sentence, subjects }) => {
      const own = [...subjects].map(([words, names]) =>
        names.size === 0 ? words : `${[...names].join(', ')}: ${words}`,
      );
      return sentence === undefined ? own.join('\n') : [sentence, ...own.map(indented)].join('\n');
    })
    .join('\n\n');
}

function sentenceOf(words: string, around: Surroundings): string | undefined {
  for (const [pattern, sentence] of rules) {
    const found = pattern.exec(words);
    if (found) return sentence(found, around);
  }
  return undefined;
}

/** What there is to say of an `up` that failed with some of its resources only. */
export interface Aftermath {
  stack: string;
  failures: readonly Failure[];
  notTried: readonly Attempt[];
  /** Services; undefined when the engine does not say. */
  running: readonly string[] | undefined;
}

/** The lines after the failures: what was not tried, what runs all the same, and how to go on. */
export function aftermath({ stack, failures, notTried, running }: Aftermath): string[] {
  const failed = new Set(
    failures.flatMap(({ name, type }) => (name === undefined ? [] : subjectOf({ name, type }))),
  );
  if (failed.size === 0) return []; // nothing was tried
  const skipped = new Set(
    notTried.filter(({ type }) => type !== undefined && programTypes.has(type)).map(subjectOf),
  );
  const others = [...skipped].filter((subject) => !failed.has(subject)).sort();
  return [
    ...(others.length > 0 ? [`Not tried because of that: ${others.join(', ')}.`] : []),
    ...(running === undefined
      ? []
      : [running.length === 0 ? 'Nothing is running.' : `Running all the same: ${running.join(', ')}.`]),
    `Fix the cause and run the command again; it repeats what failed:  ${npmRun('up', stack)}`,
  ];
}

const programTypes: ReadonlySet<string> = new Set([containerType, imageType, jobType]);

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
