import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { shownConnections } from '../../configs/cloudbeaver/connections.ts';
import { cloudBeaverHealthcheck, cloudBeaverPort } from '../../configs/cloudbeaver/listen.ts';
import { cloudbeaverSettings } from '../../configs/cloudbeaver/settings.ts';
import { parseSettings } from '../../configs/settings.ts';
import { configOf } from '../stacks/load.ts';
import {
  adminPasswordHole,
  connectionsFile,
  fillSecretFile,
  loginDigest,
  permissionsFile,
  renderCloudBeaver,
  reservedAdminNames,
  type CloudBeaverConfig,
  type CloudBeaverSecretFile,
} from '../../configs/cloudbeaver/render.ts';

const config: CloudBeaverConfig = {
  serverName: 'Taffrail prod',
  port: 8978,
  rootUrl: 'http://127.0.0.1:8978',
  adminName: 'cbadmin',
  sessionTimeout: 1800,
  connections: [
    {
      id: 'postgres-bot',
      name: 'Bot',
      host: 'postgres',
      port: 5432,
      database: 'bot',
      user: 'bot',
      passwordHole: 'botPassword',
    },
    {
      id: 'postgres-bot-read',
      name: 'Bot, to read',
      host: 'db:internal',
      port: 5433,
      database: 'bot',
      user: 'bot_read',
      passwordHole: 'botReadPassword',
      readOnly: true,
    },
  ],
};

const secrets = {
  [adminPasswordHole]: 'quote " and \\ and {{botPassword}}',
  botPassword: 'a:b\\c',
  botReadPassword: 'plain',
};

function secretFile(name: string, from = config): CloudBeaverSecretFile {
  const found = renderCloudBeaver(from).secretFiles.find((file) => file.name === name);
  if (!found) throw new Error(`${name} is not rendered`);
  return found;
}

function serverConfig(from = config): { server: Record<string, unknown>; app: Record<string, unknown> } {
  return JSON.parse(renderCloudBeaver(from).files['conf/cloudbeaver.conf'] ?? '') as ReturnType<
    typeof serverConfig
  >;
}

describe('CloudBeaver renderer (A5, 3.17, 3.20)', () => {
  test('golden files', async () => {
    const { files, workspaceFiles, secretFiles } = renderCloudBeaver(config);
    for (const [path, content] of Object.entries({ ...files, ...workspaceFiles }))
      await expect(content).toMatchFileSnapshot(`golden/cloudbeaver/${path.replace(/^Global.*\//, '')}`);
    for (const { name, template } of secretFiles)
      await expect(template).toMatchFileSnapshot(`golden/cloudbeaver/secrets/${name}`);
  });

  test('same bytes twice', () => {
    expect(renderCloudBeaver(structuredClone(config))).toEqual(renderCloudBeaver(config));
  });

  test('no password in the files, the environment or the templates (3.17)', () => {
    const { files, workspaceFiles, environment, secretFiles } = renderCloudBeaver(config);
    expect(JSON.stringify([files, workspaceFiles, environment])).not.toContain('{{');
    expect(JSON.stringify(workspaceFiles)).not.toMatch(/\\"password\\"/);
    expect(secretFiles.flatMap((file) => file.holes)).toEqual([
      adminPasswordHole,
      'botPassword',
      'botReadPassword',
    ]);
  });

  test('what is open in the shipped file is closed, each by its name (S8, 3.20)', () => {
    expect(serverConfig().app).toMatchObject({
      anonymousAccessEnabled: false,
      grantConnectionsAccessToAnonymousTeam: false,
      enabledAuthProviders: ['local'],
      enableReverseProxyAuth: false,
      supportsCustomConnections: false,
      systemVariablesResolvingEnabled: false,
    });
    expect(serverConfig().server).toMatchObject({
      develMode: false,
      sm: { enableBruteForceProtection: true },
    });
  });

  test('a server name, so that no wizard opens (A5)', () => {
    expect(serverConfig().server['serverName']).toBe('Taffrail prod');
    expect(() => renderCloudBeaver({ ...config, serverName: '' })).toThrow(/needs a name/);
  });

  test.each([
    ['http://127.0.0.1:8978', '/', '/status'],
    ['https://db.example.com/cloudbeaver', '/cloudbeaver/', '/cloudbeaver/status'],
    ['https://db.example.com/a/b/', '/a/b/', '/a/b/status'],
  ])('root URL %s is served below %s', (rootUrl, rootURI, healthPath) => {
    expect(serverConfig({ ...config, rootUrl }).server['rootURI']).toBe(rootURI);
    const rendered = renderCloudBeaver({ ...config, rootUrl });
    expect(rendered.healthPath).toBe(healthPath);
    expect(rendered.apiPath).toBe(`${rootURI}api/gql`);
  });

  test.each(reservedAdminNames)('an admin named %s, like a team, is refused', (adminName) => {
    expect(() => renderCloudBeaver({ ...config, adminName })).toThrow(`${adminName} is the name of a team`);
  });

  test('two connections with one id are refused', () => {
    const connections = config.connections.map((connection) => ({ ...connection, id: 'same' }));
    expect(() => renderCloudBeaver({ ...config, connections })).toThrow(/two connections have the id same/);
  });

  test('the settings own a file of connections; the one of people begins empty', () => {
    const { files, workspaceFiles } = renderCloudBeaver(config);
    expect(JSON.parse(files['conf/initial-data-sources.conf'] ?? '')).toEqual({
      folders: {},
      connections: {},
    });
    const { connections } = JSON.parse(workspaceFiles[connectionsFile] ?? '') as { connections: object };
    expect(Object.keys(connections)).toEqual(config.connections.map(({ id }) => id));
  });

  test('A5: who can sign in sees the connections of the settings; without the file only administrators would', () => {
    expect(JSON.parse(renderCloudBeaver(config).workspaceFiles[permissionsFile] ?? '')).toEqual({
      'postgres-bot': ['user'],
      'postgres-bot-read': ['user'],
    });
    expect(serverConfig().app['defaultUserTeam']).toBe('user');
  });

  test('3.20: half of the memory is the heap, and OSGi writes where it may', () => {
    expect(cloudbeaverSettings.parse({}).memory).toBe(2 ** 30);
    expect(renderCloudBeaver(config).environment['JAVA_OPTS']?.split(' ')).toEqual([
      '-XX:MaxRAMPercentage=50',
      '-Dosgi.configuration.area=/home/dbeaver/osgi',
      '-Dosgi.sharedConfiguration.area=/opt/cloudbeaver/server/configuration',
    ]);
  });

  test('a client sends the MD5 of a password in upper case', () => {
    expect(loginDigest('taffrail')).toMatch(/^[0-9A-F]{32}$/);
    expect(loginDigest('a')).toBe('0CC175B9C0F1B6A831C399E269772661');
  });

  test('without connections no pgpass', () => {
    const { environment, secretFiles } = renderCloudBeaver({ ...config, connections: [] });
    expect(environment['PGPASSFILE']).toBeUndefined();
    expect(secretFiles.map((file) => file.name)).toEqual(['initial-data.conf']);
  });
});

describe('CloudBeaver secret files (3.17)', () => {
  test('the initial data is JSON whatever the password holds; a value is never searched for holes', () => {
    expect(JSON.parse(fillSecretFile(secretFile('initial-data.conf'), secrets))).toMatchObject({
      adminName: 'cbadmin',
      adminPassword: secrets[adminPasswordHole],
    });
  });

  test('pgpass: a line for each connection, colons and backslashes escaped', () => {
    expect(fillSecretFile(secretFile('pgpass'), secrets)).toBe(
      'postgres:5432:bot:bot:a\\:b\\\\c\ndb\\:internal:5433:bot:bot_read:plain\n',
    );
  });

  test('a value that is missing or cannot be held is an error that does not tell it', () => {
    expect(() => fillSecretFile(secretFile('pgpass'), { botPassword: 'a' })).toThrow(
      'no value for botReadPassword',
    );
    expect(() => fillSecretFile(secretFile('pgpass'), { ...secrets, botPassword: 'two\nlines' })).toThrow(
      /botPassword has a line break/,
    );
  });
});

describe('the databases that CloudBeaver shows', () => {
  const shown = (more: string) =>
    shownConnections(
      parseSettings({
        stack: 'prod',
        ...configOf(
          `config: {taffrail:databases: {shop: {kind: postgres, host: db, adminPassword: shopSecret${more}}}}`,
          { shopSecret: 'a-password' },
        ),
        readFolder: () => undefined,
      }),
    ).map(({ id, user, secret }) => ({ id, user, secret }));

  test('S10: an administrator whose secret makes the exporter’s role is no login for people, unless a setting says so', () => {
    expect(shown('')).toEqual([]);
    expect(shown(', cloudbeaver: true')).toEqual([
      { id: 'team-shop', user: 'postgres', secret: 'shopSecret' },
    ]);
  });
});

describe('the health check of CloudBeaver', () => {
  const status = async (answer: number, path = '/a%20b/status'): Promise<number> => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(answer, { 'content-type': 'application/json' }).end('{"health":"ok"}');
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as AddressInfo;
    try {
      const [program = '', ...rest] = cloudBeaverHealthcheck(path).map((word) =>
        word.replace(`/${String(cloudBeaverPort)} `, `/${String(port)} `),
      );
      const { exitCode } = await execa(program, rest, { reject: false });
      expect(asked).toEqual([path]);
      return exitCode ?? -1;
    } finally {
      server.close();
      server.closeAllConnections();
    }
  };

  test('3.14: succeeds if it is answered 200, with what the image has: bash, and no curl', async () => {
    expect(await status(200)).toBe(0);
    expect(await status(503)).toBe(1);
    expect(await status(404, '/status')).toBe(1);
    expect(cloudBeaverHealthcheck('/status').join(' ')).not.toMatch(/curl|wget|\bnc\b/);
  });
});
