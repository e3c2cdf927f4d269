import { hostname, userInfo } from 'node:os';

/** This machine as another one reaches it; what nobody here can know stands in angle brackets. */
export interface Here {
  user: string;
  host: string;
  port?: string | undefined;
}

/**
 * The line that brings what a stack publishes on its host's loopback to the computer before which a person sits (S9).
 * Of an engine elsewhere that is this machine; of this machine's engine it may be another one.
 */
export function tunnel(
  engine: string,
  published: readonly { address: string; port: number }[],
  here = thisHost(),
): string[] {
  const near = published.filter(({ address }) => address.startsWith('127.') || address === '::1');
  if (near.length === 0) return [];
  const { hostname: host, username, port, protocol } = new URL(engine);
  const isHere = protocol === 'unix:' || /^(?:localhost$|127\.|\[::1\])/.test(host);
  const there = isHere ? here : { user: protocol === 'ssh:' ? username : '<user>', host, port };
  const words = [
    'ssh -N',
    ...near.map(({ address, port: number }) => `-L ${number}:${hostPart(address)}:${number}`),
    ...(protocol !== 'tcp:' && there.port ? [`-p ${there.port}`] : []),
    // ssh takes an address without a URL's brackets.
    `${there.user && `${there.user}@`}${there.host.replace(/^\[(.*)\]$/, '$1')}`,
  ];
  return ['', isHere ? 'From another computer:' : 'From this machine:', `  ${words.join(' ')}`];
}

/** An address as it stands in a URL. */
export const hostPart = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** The address and the port by which the person logged in, where ssh says so; else the host's own name. */
export function thisHost(variables: NodeJS.ProcessEnv = process.env): Here {
  const [, , address, port] = (variables['SSH_CONNECTION'] ?? '').split(' ');
  return {
    user: variables['SUDO_USER'] ?? ownName(),
    host: address ?? hostname(),
    port: port === '22' ? undefined : port,
  };
}

function ownName(): string {
  try {
    return userInfo().username;
  } catch {
    return '<user>'; // a number without a name, as in containers
  }
}
