import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { contextFiles, contextHash } from '../../configs/apps/context.ts';
import { appScrape } from '../../configs/apps/scrape.ts';
import { appSettings } from '../../configs/apps/settings.ts';

let folder = '';
const write = (path: string, text: string): void => {
  writeFileSync(join(folder, path), text);
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'context-'));
  mkdirSync(join(folder, 'src'));
  mkdirSync(join(folder, 'node_modules/left'), { recursive: true });
  write('Dockerfile', 'FROM scratch\n');
  write('src/main.py', 'print(1)\n');
  write('notes.md', 'x\n');
  write('node_modules/left/index.js', '1\n');
  symlinkSync('main.py', join(folder, 'src/start.py'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('A2: the hash of a build context', () => {
  test('sees every file, links included', () => {
    expect(contextFiles(folder)).toEqual([
      'Dockerfile',
      'node_modules/left/index.js',
      'notes.md',
      'src/main.py',
      'src/start.py',
    ]);
  });

  test('leaves out what .dockerignore names, never the Dockerfile', () => {
    write('.dockerignore', 'node_modules\n*.md\nDockerfile\n');
    expect(contextFiles(folder)).toEqual(['.dockerignore', 'Dockerfile', 'src/main.py', 'src/start.py']);
  });

  test('finds an exception inside an ignored folder', () => {
    write('.dockerignore', 'node_modules\n!node_modules/left/index.js\n');
    expect(contextFiles(folder)).toContain('node_modules/left/index.js');
  });

  test.each([
    [
      'a content',
      () => {
        write('src/main.py', 'print(2)\n');
      },
    ],
    [
      'a new file',
      () => {
        write('src/more.py', '');
      },
    ],
    [
      'a mode',
      () => {
        chmodSync(join(folder, 'src/main.py'), 0o755);
      },
    ],
    [
      'a removed file',
      () => {
        rmSync(join(folder, 'notes.md'));
      },
    ],
  ])('changes with %s', (_, change) => {
    const before = contextHash(folder);
    change();
    expect(contextHash(folder)).not.toBe(before);
  });

  test('does not change with a time, nor with what is ignored', () => {
    write('.dockerignore', '*.md\n');
    const before = contextHash(folder);
    utimesSync(join(folder, 'src/main.py'), 1, 1);
    write('notes.md', 'changed\n');
    expect(contextHash(folder)).toBe(before);
    expect(before).toMatch(/^[0-9a-f]{12}$/);
  });
});

describe('A2: the metrics of an App', () => {
  test('are scraped where the settings say', () => {
    const settings = appSettings.parse({ image: 'bot:1', metrics: { port: 8080, interval: '30s' } });
    expect(appScrape('bot', settings)).toEqual([
      {
        name: 'bot',
        targets: ['bot:8080'],
        path: '/metrics',
        interval: 30,
        relabel: [{ target_label: 'service', replacement: 'bot' }],
      },
    ]);
  });

  test('are not scraped when it has none', () => {
    expect(appScrape('bot', appSettings.parse({ image: 'bot:1' }))).toEqual([]);
  });
});
