// Stand-in for Pulumi's Node.js language host, which cannot be had as a Go module.
// It serves the SDK's LanguageServer and, as the official host does, runs the program in a Node of its own by the
// SDK's own runner, so that errors and exit codes reach the CLI in the official form.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';

/** The project's own SDK: the CLI starts a language host in the project's folder. */
const sdk = createRequire(createRequire(`${process.cwd()}/`).resolve('@pulumi/pulumi'));
const { version } = sdk('@pulumi/pulumi/package.json') as { version: string };

if (process.argv.includes('--version') || process.argv.includes('-version')) {
  console.log(`${version} (Taffrail's stand-in for Pulumi's Node.js language host)`);
  process.exit(0);
}

/** The exit code by which the SDK's runner says that it has already told the user what is wrong. */
const ALREADY_TOLD = 32;

/** What this file uses of the SDK's RunRequest (proto/language_pb). */
interface RunRequest {
  getProject(): string;
  getStack(): string;
  getOrganization(): string;
  getPwd(): string;
  getParallel(): number;
  getDryrun(): boolean;
  getMonitorAddress(): string;
  getConfigMap(): { entries(): Iterable<[string, string]> };
  getConfigsecretkeysList(): string[];
  getInfo(): {
    getRootDirectory(): string;
    getProgramDirectory(): string;
    getEntryPoint(): string;
    getOptions(): { toJavaScript(): { typescript?: boolean; nodeargs?: string } } | undefined;
  };
}
interface RunResponse {
  setBail: (bail: boolean) => void;
  setError: (words: string) => void;
}
type Reply = (error: Error | null, response: RunResponse | null) => void;

const grpc = sdk('@grpc/grpc-js') as typeof import('@grpc/grpc-js');
const { LanguageRuntimeService } = sdk('@pulumi/pulumi/proto/language_grpc_pb') as {
  LanguageRuntimeService: import('@grpc/grpc-js').ServiceDefinition;
};
const { RunResponse } = sdk('@pulumi/pulumi/proto/language_pb') as { RunResponse: new () => RunResponse };
const { LanguageServer } = sdk('@pulumi/pulumi/automation/server') as {
  LanguageServer: new (
    program: () => undefined,
  ) => Record<'getRequiredPlugins' | 'getPluginInfo', import('@grpc/grpc-js').UntypedHandleCall>;
};

/** The address of the CLI's engine: the first argument that is no flag. */
const engine = process.argv.slice(2).find((argument) => !argument.startsWith('-')) ?? '';

function run(call: { request: RunRequest }, reply: Reply): void {
  const request = call.request;
  const info = request.getInfo();
  const program = info.getProgramDirectory();
  const args = ['--monitor', request.getMonitorAddress(), '--engine', engine];
  args.push('--organization', request.getOrganization(), '--project', request.getProject());
  args.push('--stack', request.getStack(), '--root-directory', info.getRootDirectory());
  args.push('--pwd', request.getPwd(), '--parallel', String(request.getParallel()));
  if (request.getDryrun()) args.push('--dry-run');
  const { typescript = true, nodeargs = '' } = info.getOptions()?.toJavaScript() ?? {};
  const child = spawn(
    process.execPath,
    [
      // The official host splits it as a shell does; quotes are not needed here and refused.
      ...nodeargs.split(' ').filter(Boolean),
      createRequire(`${program}/`).resolve('@pulumi/pulumi/cmd/run'),
      ...args,
      info.getEntryPoint(),
    ],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().entries())),
        PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
        PULUMI_NODEJS_TYPESCRIPT: String(typescript),
      },
    },
  );
  const response = new RunResponse();
  child.on('error', (error) => {
    reply(error, null);
  });
  child.on('exit', (code, signal) => {
    if (code === ALREADY_TOLD) response.setBail(true);
    else if (code !== 0) response.setError(`the program ended with ${signal ?? `exit code ${code}`}`);
    reply(null, response);
  });
}

// A CLI that was killed cannot end its language host.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.exit(1);
}, 1000).unref();

const host = new LanguageServer(() => undefined);
const server = new grpc.Server({ 'grpc.max_receive_message_length': 400 * 1024 * 1024 });
server.addService(LanguageRuntimeService, {
  run,
  getRequiredPlugins: host.getRequiredPlugins,
  getPluginInfo: host.getPluginInfo,
});
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(port); // the CLI waits for this line
});
