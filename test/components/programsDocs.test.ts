import { expect, test } from 'vitest';
import { programsDocument } from './programsDocs.ts';

test('3.19: docs/programs.md leaves no cell empty, and says what each job asks', async () => {
  const rows = (await programsDocument())
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(2)
    .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));
  expect(rows.length).toBeGreaterThan(12);
  for (const [, name, ...cells] of rows) {
    expect(cells, name).toHaveLength(7);
    expect(
      cells.slice(0, -1).filter((cell) => cell === ''),
      name,
    ).toEqual([]);
  }
  const asked: Record<string, string | undefined> = Object.fromEntries(
    rows.map((cells) => [cells[1] ?? '', cells.at(-2)]),
  );
  expect(asked).toMatchObject({
    prometheus: '`/-/ready`, `/api/v1/status/config`, `/metrics`',
    'node-exporter': 'its health check',
    'socket-proxy': '`/_ping`',
  });
  expect(asked['grafana']).toContain('`/api/datasources/uid/<uid>/health`');
  expect(asked['cloudbeaver']).toContain('`userConnections { id url }`');
});
