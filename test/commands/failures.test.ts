import { describe, expect, it } from 'vitest';
import { aftermath, explained, explainedAll, subjectOf } from '../../commands/lib/failures.ts';
import { cliWords } from '../../commands/lib/pulumi.ts';
import { cleaned } from '../../commands/lib/watch.ts';

const around = {
  stack: 'prod',
  passphrase: '/home/anna/passphrase',
  holderOf: (port: number) => (port === 3000 ? 'process 7 (node app.js)' : undefined),
};
const say = (words: string, name: string | undefined = 'grafana') =>
  explained({ name, type: undefined, words }, around);
const id = 'a'.repeat(64);

describe('a failure is told with what to type', () => {
  // Each text is the engine's, the provider's or Pulumi's own, as it was met.
  const cases: [string, string, RegExp][] = [
    [
      'a wrong passphrase',
      'getting secrets manager: constructing secrets manager of type "passphrase": incorrect passphrase',
      /passphrase \(\/home\/anna\/passphrase\) is not the one.*export PULUMI_CONFIG_PASSPHRASE_FILE/s,
    ],
    [
      'no passphrase',
      'passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE environment variables',
      /cannot be read/,
    ],
    [
      'a port of a container',
      'Error response from daemon: failed to set up container networking: driver failed programming external connectivity on endpoint x (y): Bind for 127.0.0.1:3000 failed: port is already allocated',
      /port 3000 is taken by process 7 \(node app\.js\).*Pulumi\.prod\.yaml/s,
    ],
    [
      'a port of a process',
      'failed to listen on TCP socket: listen tcp4 127.0.0.1:8978: bind: address already in use',
      /port 8978 is taken\.\nStop/,
    ],
    ...[
      'failed to set up container networking: driver failed programming external connectivity on endpoint x (y): failed to bind host port for 10.8.0.1:3000:172.18.0.2:3000/tcp: cannot assign requested address',
      'failed to bind host port 10.8.0.1:3000/tcp: cannot assign requested address',
      'Error starting userland proxy: listen tcp4 10.8.0.1:3000: bind: cannot assign requested address',
    ].map((words): [string, string, RegExp] => [
      'an address that the host does not have',
      words,
      /has no address 10\.8\.0\.1, on which.*ip -brief address.*grep -n 'address: 10\.8\.0\.1' Pulumi\.prod\.yaml/s,
    ]),
    [
      'such an address of IPv6',
      'listen tcp6 [fd00::1]:3000: bind: cannot assign requested address',
      /has no address fd00::1, /,
    ],
    [
      'a name of a foreign container',
      'Conflict. The container name "/taffrail-prod-loki" is already in use by container "3ca65079fc921c33". You have to remove',
      /name taffrail-prod-loki is taken by the container 3ca65079fc92.*docker inspect/s,
    ],
    ['a network that was lost', `network ${id} not found`, /lost a network.*npm run up -- -s prod/s],
    [
      'a network that is not there',
      'Could not connect container: Error response from daemon: network shop_default not found',
      /no network shop_default.*docker network create shop_default/s,
    ],
    [
      'an unreachable registry',
      'failed to resolve reference "docker.io/a/b:9": failed to do request: Head "https://registry-1.docker.io/v2/a/b/manifests/9": dial tcp: lookup registry-1.docker.io on 10.0.0.1:53: no such host',
      /registry registry-1\.docker\.io cannot be reached.*\n.*config set -s prod taffrail:registryMirror/,
    ],
    [
      'a refusing registry',
      'failed to do request: Head "https://127.0.0.1:5999/v2/thing/manifests/9": dial tcp 127.0.0.1:5999: connect: connection refused',
      /registry 127\.0\.0\.1:5999 cannot be reached/,
    ],
    [
      'a tag that a registry does not have, in the words of an engine with containerd',
      'Unable to read Docker image into resource: unable to pull image 127.0.0.1:5999/loki:none: error pulling image 127.0.0.1:5999/loki:none: Error response from daemon: failed to resolve reference "127.0.0.1:5999/loki:none": 127.0.0.1:5999/loki:none: not found',
      /image 127\.0\.0\.1:5999\/loki:none does not exist.*docker pull 127\.0\.0\.1:5999\/loki:none/s,
    ],
    [
      'a tag that does not exist',
      'unable to pull image grafana/loki:0.0: error pulling image grafana/loki:0.0: Error response from daemon: manifest for grafana/loki:0.0 not found: manifest unknown',
      /image grafana\/loki:0\.0 does not exist.*docker pull grafana\/loki:0\.0/s,
    ],
    [
      'an image that does not exist',
      'pull access denied for nosuch/thing, repository does not exist or may require authorization',
      /image nosuch\/thing does not exist/,
    ],
    [
      'containerd for such a tag',
      'failed to resolve reference "docker.io/grafana/loki:0.0": docker.io/grafana/loki:0.0: not found',
      /image docker\.io\/grafana\/loki:0\.0 does not exist/,
    ],
    ['a full disk', 'write /var/lib/docker/x: no space left on device', /disk of the Docker host is full/],
    [
      'an engine that stopped',
      'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
      /stopped answering.*\n.*npm run doctor -- -s prod$/m,
    ],
    ...[
      'The Docker engine at unix:///var/run/docker.sock does not answer: connect ENOENT /var/run/docker.sock',
      'The Docker engine at unix:///run/docker.sock does not answer: connect ECONNREFUSED /run/docker.sock',
      'connect ECONNREFUSED /var/run/docker.sock',
      'The Docker engine at ssh://root@vps does not answer: socket hang up',
    ].map((words): [string, string, RegExp] => [
      'an engine that is gone in the middle of a job',
      words,
      /^The Docker engine stopped answering\.\nSee why: {2}npm run doctor -- -s prod\n/,
    ]),
    [
      'a socket that the user may not use',
      'The Docker engine at unix:///var/run/docker.sock does not answer: connect EACCES /var/run/docker.sock',
      /^The user may not use the socket.*npm run doctor -- -s prod$/ms,
    ],
    [
      'a key that the host does not accept, in a job',
      'The Docker engine at ssh://root@vps.example.com:2222 does not answer: root@vps.example.com: Permission denied (publickey,password).',
      /no key that the host accepts.*ssh -p 2222 root@vps\.example\.com docker version .*ssh-copy-id -p 2222 root@vps\.example\.com .*npm run doctor -- -s prod$/ms,
    ],
    [
      'such a key, in the docker plugin',
      'error during connect: Get "http://docker.example.com/v1.44/info": command [ssh -l root -- vps docker system dial-stdio] has exited with exit status 255, make sure the URL is valid: stderr=root@vps: Permission denied (publickey).',
      /Try: {2}ssh root@vps docker version /,
    ],
    [
      'a host that ssh does not know',
      'The Docker engine at ssh://root@[fd00::1] does not answer: No ED25519 host key is known for fd00::1 and you have requested strict checking.\nHost key verification failed.',
      /does not know the key.*ssh root@fd00::1 true .*npm run doctor -- -s prod$/ms,
    ],
    [
      'a host with another key than before',
      'The Docker engine at ssh://vps:2222 does not answer: @    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.',
      /another key than before.*ssh-keygen -R '\[vps\]:2222' && ssh -p 2222 vps true .*npm run doctor -- -s prod$/ms,
    ],
    [
      'an sshd that drops connections',
      'The Docker engine at ssh://root@vps does not answer: kex_exchange_identification: Connection closed by remote host\nConnection closed by 10.0.0.1 port 22',
      /MaxStartups.*PULUMI_PARALLEL=4 npm run up -- -s prod .*npm run doctor -- -s prod$/ms,
    ],
    [
      'a host without sshd',
      'The Docker engine at ssh://root@vps does not answer: ssh: connect to host vps port 22: Connection refused',
      /cannot be reached by ssh\.\nTry: {2}ssh root@vps true /,
    ],
    [
      'a host whose name does not resolve',
      'ssh: Could not resolve hostname vps.invalid: Temporary failure in name resolution',
      /cannot be reached by ssh\.\nTry: {2}ssh vps\.invalid true /,
    ],
    [
      'no ssh',
      'The Docker engine at ssh://root@vps does not answer: there is no program ssh on the PATH',
      /openssh-client/,
    ],
    [
      'no docker on the host',
      'The Docker engine at ssh://root@vps does not answer: bash: line 1: docker: command not found',
      /no docker on the PATH of the user.*ssh root@vps docker version/s,
    ],
    [
      'no node',
      cleaned('exec: "node": executable file not found in $PATH: running "components/jobs/files.ts":\n'),
      /jobs need node.*npm ci/s,
    ],
    [
      'a protected volume',
      'resource "urn:…" cannot be deleted\nbecause it is protected',
      /pulumi state unprotect --all -s prod/,
    ],
  ];
  it.each(cases)('%s', (_, words, told) => {
    expect(say(words)).toMatch(told);
    expect(say(words)).toContain('grafana: ');
  });

  it('does not take a host without free ports for one without the address', () => {
    const words = 'dial tcp 10.0.0.1:5000: connect: cannot assign requested address';
    expect(say(words)).toBe(`grafana: ${words}`);
  });

  it("keeps a job's own words, as they are", () => {
    const words = 'prometheus.yml: line 3: did not find expected key';
    expect(explained({ name: undefined, type: undefined, words }, around)).toBe(words);
  });

  it('tells a thing once', () => {
    const failure = { name: 'a', type: undefined, words: 'broken' };
    expect(explainedAll([failure, { ...failure }], around)).toBe('a: broken');
  });

  it('names who has the same failure together, and a cause once', () => {
    const failed = (name: string, words: string) => ({ name, type: job, words });
    expect(
      explainedAll(
        [
          failed('loki-files', 'connect ENOENT /run/docker.sock'),
          failed('prometheus-reload', 'Prometheus does not run'),
          failed('grafana-files', 'connect ENOENT /run/docker.sock'),
          failed('redis-files', 'The Docker engine at unix:///x does not answer: socket hang up'),
        ],
        around,
      ),
    ).toBe(
      [
        'The Docker engine stopped answering.',
        'See why:  npm run doctor -- -s prod',
        '    loki, grafana: connect ENOENT /run/docker.sock',
        '    redis: The Docker engine at unix:///x does not answer: socket hang up',
        '',
        'prometheus: Prometheus does not run',
      ].join('\n'),
    );
  });
});

const job = 'command:local:Command';
const image = 'docker:index/remoteImage:RemoteImage';
const container = 'docker:index/container:Container';

it.each([
  [job, 'loki-files', 'loki'],
  [job, 'loki-restart', 'loki'],
  [job, 'node-exporter-reload', 'node-exporter'],
  [job, 'cadvisor-proof', 'cadvisor'],
  [job, 'postgres-password', 'postgres'],
  [job, 'redis-queue-role', 'redis-queue'],
  [image, 'image-node-exporter', 'image node-exporter'],
  [image, 'image-loki-0123456789ab', 'image loki'],
  [image, 'bot-image', 'image bot'],
  [container, 'shop-reload', 'shop-reload'],
  ['docker:index/volume:Volume', 'loki-data', 'loki-data'],
])('of the %s %s a person reads %s', (type, name, subject) => {
  expect(subjectOf({ type, name })).toBe(subject);
});

describe('an `up` of which a part has failed', () => {
  const failures = [{ type: job, name: 'loki-files', words: 'no' }];
  const again = 'Fix the cause and run the command again; it repeats what failed:  npm run up -- -s prod';

  it('says which programs were not tried because of it, what runs all the same, and how to go on', () => {
    const notTried = [
      { type: container, name: 'loki' },
      { type: job, name: 'loki-restart' },
      { type: job, name: 'grafana-reload' },
      { type: container, name: 'grafana' },
      { type: 'docker:index/volume:Volume', name: 'x-data' },
    ];
    expect(aftermath({ stack: 'prod', failures, notTried, running: ['postgres', 'redis'] })).toEqual([
      'Not tried because of that: grafana.',
      'Running all the same: postgres, redis.',
      again,
    ]);
    expect(aftermath({ stack: 'prod', failures, notTried: [], running: [] })).toEqual([
      'Nothing is running.',
      again,
    ]);
    expect(aftermath({ stack: 'prod', failures, notTried: [], running: undefined })).toEqual([again]);
  });

  it('says nothing of that where the program itself has failed: the settings, the passphrase', () => {
    const program = [{ type: undefined, name: undefined, words: 'prod has 2 mistakes' }];
    expect(aftermath({ stack: 'prod', failures: program, notTried: [], running: ['loki'] })).toEqual([]);
  });
});

it('words lose colours, stack traces and packing', () => {
  const raw =
    '<{%fg 1%}>error: <{%reset%}>1 error occurred:\n\t* the file is wrong\n    at apply (/x/index.ts:21:55)\n    at process (node:internal/x:104:5)\n';
  expect(cleaned(raw)).toBe('the file is wrong');
});

it("the CLI's words are taken out of the Automation API's dump", () => {
  const dump =
    'code: -2\n stdout: \n stderr: Command failed with exit code 255: pulumi stack export\nerror: incorrect passphrase\n err?: Error: Command failed\n    at makeError (x.js:60:11)\n';
  expect(cliWords(dump)).toBe('incorrect passphrase');
});
