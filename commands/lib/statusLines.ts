import { size } from './judge.ts';
import { npmRun } from '../../configs/whatToType.ts';
import type { ServiceStatus, StackStatus } from './statusFacts.ts';
import { hostPart, thisHost, tunnel } from './tunnel.ts';

/** One screen about a stack. Pure; `now` in milliseconds, `here` this machine. */
export function statusLines(seen: StackStatus, now: number, here = thisHost()): string[] {
  const { stack, address, engineVersion, services, volumes } = seen;
  const head = `Stack ${stack} on ${address} (Docker ${engineVersion})`;
  if (services.length === 0) return [head, '', `Nothing is running. Start it with: ${npmRun('up', stack)}`];
  const rows = services.map((service) => [
    service.name,
    stateOf(service),
    age(now - Date.parse(service.since)),
    memoryOf(service),
    String(service.restarts),
  ]);
  return [
    head,
    '',
    ...table([['SERVICE', 'STATE', 'SINCE', 'MEMORY', 'RESTARTS'], ...rows]),
    '',
    ...table([
      ['VOLUME', 'SIZE'],
      ...volumes.map(({ name, size: bytes }) => [name, bytes === undefined || bytes < 0 ? '?' : size(bytes)]),
    ]),
    '',
    ...seen.addresses.map(({ name, address: at, port }) => `${name}  http://${hostPart(at)}:${port}`),
    ...tunnel(address, seen.addresses, here),
  ];
}

function stateOf({ state, health, exitCode, oomKilled }: ServiceStatus): string {
  if (oomKilled) return `${state}, out of memory`;
  if (state === 'exited') return `exited (${exitCode})`;
  return health === undefined ? state : `${state}, ${health}`;
}

const memoryOf = ({ memory, limit }: ServiceStatus): string =>
  memory === undefined
    ? ''
    : limit === undefined
      ? size(memory)
      : `${size(memory)} of ${size(limit)} (${Math.round((100 * memory) / limit)} %)`;

/** A length of time for people: `3 d 4 h`, `12 min`. */
export function age(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min` : `${seconds} s`;
}

function table(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
