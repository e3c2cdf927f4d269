import * as pulumi from '@pulumi/pulumi';
import type { MockMonitor } from '@pulumi/pulumi/runtime/mocks.js';
import { getMonitor } from '@pulumi/pulumi/runtime/settings.js';
import { configOf, fakeSecrets, secretsToSet, type StackConfig } from '../stacks/load.ts';

// Runs index.ts against a monitor that makes nothing and writes down everything. What a mock leaves unproved: whether
// the engine takes these inputs, what it makes of them, and that a preview afterwards shows no change (test/e2e).

/** A resource as the program registered it. */
export interface Recorded {
  urn: string;
  type: string;
  name: string;
  /** URN; empty for what stands at the top. */
  parent: string;
  custom: boolean;
  /** What was sent: a secret is `{ secret: value }`. */
  inputs: Record<string, unknown>;
  protect: boolean;
  deleteBeforeReplace: boolean;
  /** Timeouts of its own, by operation. */
  timeouts: Record<string, string>;
  /** URNs, those that its inputs name included. */
  dependsOn: string[];
  /** Of which provider, by name. */
  provider: string;
}

export interface Ran {
  resources: Recorded[];
  /** The stack's outputs. */
  outputs: Record<string, unknown>;
}

export interface RunOptions {
  stack?: string;
  /** Outputs are unknown, as in the preview of a stack that is not there. */
  preview?: boolean;
  /** What the generated passwords are, by resource name. */
  password?: (name: string) => string;
  /** What a job writes to standard output, by resource name. */
  job?: (name: string) => string;
}

/** What stands for an output that is not known yet, on the wire. */
const unknown = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';
/** How a secret is marked on the wire. */
const signature = '4dabf18193072939515e22adb298388d';
const secretMark = '1b47061264138c4ac30d75fd1eb44270';

export const types = {
  command: 'command:local:Command',
  container: 'docker:index/container:Container',
  image: 'docker:index/remoteImage:RemoteImage',
  network: 'docker:index/network:Network',
  volume: 'docker:index/volume:Volume',
  id: 'random:index/randomId:RandomId',
  password: 'random:index/randomPassword:RandomPassword',
} as const;

let runs = 0;

/** The whole program with the configuration of a stack's YAML. Throws what the program throws. */
export async function runProgram(config: StackConfig, options: RunOptions = {}): Promise<Ran> {
  const recorded = await startRecording(options);
  const prefixed = Object.entries(config.config).map(([key, value]) => [`taffrail:${key}`, value]);
  pulumi.runtime.setAllConfig(
    Object.fromEntries(prefixed) as Record<string, string>,
    [...config.secretKeys].map((key) => `taffrail:${key}`),
  );
  const dockerHost = process.env['DOCKER_HOST'];
  delete process.env['DOCKER_HOST'];
  // The SDK takes the stack of every promise, which under a test runner costs more than all the rest.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    // The query makes it a module of its own each time.
    const program = new URL(`../../index.ts?run=${String(++runs)}`, import.meta.url).href;
    const outputs = (await import(/* @vite-ignore */ program)) as Record<string, unknown>;
    return { resources: recorded, outputs };
  } finally {
    await settled();
    Error.stackTraceLimit = stackTraceLimit;
    if (dockerHost !== undefined) process.env['DOCKER_HOST'] = dockerHost;
  }
}

/** From here on resources are recorded, not made. The list grows while they are. */
export async function startRecording(options: RunOptions = {}): Promise<Recorded[]> {
  const { stack = 'local', preview = false } = options;
  const recorded: Recorded[] = [];
  await pulumi.runtime.setMocks(mocks(options), 'taffrail', stack, preview);
  // The mocks of the SDK are told no parent, no protection and no order: so the monitor itself is listened to.
  const monitor = getMonitor() as unknown as MockMonitor;
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request: Request, callback: (error: unknown, response: Response) => void) =>
    register(request, (error: unknown, response: Response) => {
      if (error === null) recorded.push(record(request, response));
      callback(error, response);
    });
  return recorded;
}

/** Until no registration is under way: also none that a resource's output has set off. */
export const settled = (): Promise<void> =>
  (pulumi.runtime as unknown as { waitForRPCs: () => Promise<void> }).waitForRPCs();

/** `config:` of a YAML text; the secrets that its comments name are set, and those given besides. */
export const stackConfig = (yaml: string, secrets: Readonly<Record<string, string>> = {}): StackConfig =>
  configOf(yaml, { ...fakeSecrets(secretsToSet(yaml)), ...secrets });

/** What an output holds; undefined while it is unknown. */
export const valueOf = <T>(output: pulumi.Output<T>): Promise<T> =>
  (output as unknown as { promise: () => Promise<T> }).promise();

const mocks = (options: RunOptions): pulumi.runtime.Mocks => ({
  call: ({ inputs }) => inputs as Record<string, unknown>,
  newResource: ({ type, name, inputs }) => {
    const more = Object.entries(made(type, name, inputs as Record<string, unknown>, options));
    const outputs = options.preview === true ? more.map(([key]) => [key, unknown]) : more;
    return {
      id: options.preview === true ? '' : `id-of-${name}`,
      state: { ...(inputs as object), ...(Object.fromEntries(outputs) as object) },
    };
  },
});

const record = (request: Request, response: Response): Recorded => ({
  urn: response.getUrn(),
  type: request.getType(),
  name: request.getName(),
  parent: request.getParent(),
  custom: request.getCustom(),
  inputs: bare(request.getObject()?.toJavaScript() ?? {}) as Record<string, unknown>,
  protect: request.getProtect(),
  deleteBeforeReplace: request.getDeletebeforereplace(),
  timeouts: timeouts(request.getCustomtimeouts()),
  dependsOn: request.getDependenciesList(),
  provider: request.getProvider().split('::')[3] ?? '',
});

const timeouts = (request: Timeouts | undefined): Record<string, string> =>
  Object.fromEntries(
    Object.entries({ create: request?.getCreate() ?? '', update: request?.getUpdate() ?? '' }).filter(
      ([, time]) => time !== '',
    ),
  );

interface Response {
  getUrn: () => string;
}

/** As much of the SDK's `RegisterResourceRequest` as is read here. */
interface Request {
  getType: () => string;
  getName: () => string;
  getParent: () => string;
  getCustom: () => boolean;
  getObject: () => { toJavaScript: () => unknown } | undefined;
  getProtect: () => boolean;
  getDeletebeforereplace: () => boolean;
  getCustomtimeouts: () => Timeouts | undefined;
  getDependenciesList: () => string[];
  getProvider: () => string;
}

interface Timeouts {
  getCreate: () => string;
  getUpdate: () => string;
}

/** What the provider would add to a resource once it is made. */
function made(
  type: string,
  name: string,
  inputs: Record<string, unknown>,
  { password, job }: RunOptions,
): Record<string, unknown> {
  // A secret on standard input makes a secret of the output.
  if (type === types.command) return { stdout: secret(job?.(name) ?? 'done\n'), stderr: secret('') };
  if (type === types.image) return { imageId: `id-of-${name}` };
  if (type === types.id) return { hex: '0123456789abcdef' };
  // Pulumi adds to the resource's name what makes it unique.
  if (type === types.volume && inputs['name'] === undefined) return { name: `${name}-1a2b3c4` };
  if (type !== types.password) return {};
  const result = password?.(name) ?? `generated-for-${name}`;
  return { result, bcryptHash: `bcrypt-of-${result}` };
}

const secret = (value: unknown): object => ({ [signature]: secretMark, value });

function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== 'object' || value === null) return value;
  if ((value as Record<string, unknown>)[signature] === secretMark)
    return { secret: bare((value as { value: unknown }).value) };
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, bare(inner)]));
}
