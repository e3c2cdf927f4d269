import { createHash } from 'node:crypto';
import { jsonFile, type Files, type SecretFile } from '../files.ts';
import { secretsMount } from '../paths.ts';

// Sources: the wiki of dbeaver/cloudbeaver (Server-Configuration, Initial-data-configuration,
// Data-Sources-Json-Reference, Authentication-PostgreSQL-Pgpass), its Java and shell sources, and
// DataSourceSerializerModern and AuthModelPgPass of dbeaver/dbeaver.
//
// Two secrets, both as files only:
// - CloudBeaver reads the admin's password in clear from its "initial data", once, when its database is made.
//   Where that file lies is a setting, so the whole file is a secret file, outside of `conf/`.
// - The passwords of connections are not given to CloudBeaver at all. A password written in data-sources.json is
//   copied to the workspace, encrypted with a key that anybody can read in DBeaver's source. With the
//   authentication model `postgres_pgpass` the driver reads a pgpass file at each connection: nothing is
//   copied, and a changed password is a changed file.
//
// DBeaver reads every `data-sources*.json` of a project (its wiki, Admin-Manage-Connections). So the settings'
// connections have a file of their own, which each `up` may replace, beside the one of those that people made.

/** A Postgres that CloudBeaver shows. */
export interface CloudBeaverConnection {
  /** Of letters, digits, - and _; never change it: it is the key that CloudBeaver stores. */
  id: string;
  name: string;
  host: string;
  port: number;
  database: string;
  user: string;
  /** The hole of the pgpass file that takes this user's password. */
  passwordHole: string;
  /** CloudBeaver refuses to write; the role should refuse too. Default false. */
  readOnly?: boolean;
}

export interface CloudBeaverConfig {
  /** Shown in the page's title. Not empty: an empty one opens the setup wizard to the first visitor. */
  serverName: string;
  /** Inside of the container. */
  port: number;
  /** Where people find it; only the path is used (`https://db.example.com/cloudbeaver`). */
  rootUrl: string;
  adminName: string;
  /** Seconds without a click until a session ends. */
  sessionTimeout: number;
  connections: readonly CloudBeaverConnection[];
}

/** A secret file whose holes are filled in the way that its reader unescapes. */
export interface CloudBeaverSecretFile extends SecretFile {
  encode: 'json' | 'pgpass';
  holes: readonly string[];
}

export interface CloudBeaverRendered {
  /** Below `cloudBeaverPaths.home`. The whole of `conf/`: a volume there hides what the image has. */
  files: Files;
  /** Below `cloudBeaverPaths.workspace`, beside what CloudBeaver and people write there. Written before each start. */
  workspaceFiles: Files;
  /** Below `cloudBeaverPaths.secrets`, for the uid of CloudBeaver only, 0400. */
  secretFiles: readonly CloudBeaverSecretFile[];
  /** No secret in it. */
  environment: Readonly<Record<string, string>>;
  /** What answers 200 with `{"health":"ok"}`, with or without a session. */
  healthPath: string;
  /** Where GraphQL is asked. */
  apiPath: string;
}

/** Of the official image. The home and the workspace must be writable, the rest need not. */
export const cloudBeaverPaths = {
  home: '/opt/cloudbeaver',
  conf: '/opt/cloudbeaver/conf',
  workspace: '/opt/cloudbeaver/workspace',
  userHome: '/home/dbeaver',
  secrets: secretsMount,
} as const;

/** Bytes of the home, which is in memory: OSGi's folder and what drivers unpack. */
export const cloudBeaverHomeSize = 128 * 2 ** 20;

const project = 'GlobalConfiguration/.dbeaver';
/** Below the workspace. */
export const connectionsFile = `${project}/data-sources-taffrail.json`;
/**
 * Who sees the connections: without it, administrators only. CloudBeaver reads it at each start and keeps what it says in
 * its database (wiki, Pre-configured-permissions-for-connections; CBApplication.grantPermissionsToConnections); what people
 * set for these connections in the browser counts until the next start. By its name DBeaver also takes the file for one of
 * connections, finds none in it, and may write it anew without content: what was granted stays in the database.
 */
export const permissionsFile = `${project}/data-sources-permissions.json`;

export const cloudBeaverUid = 8978;

/** Everybody who can sign in. */
const everyone = 'user';
const teams = [
  { subjectId: 'admin', teamName: 'Admin', description: 'Has all permissions', permissions: ['admin'] },
  { subjectId: everyone, teamName: 'User', description: 'All users', permissions: [] },
];

/** A user cannot have the name of a team (cloudbeaver#1902): the start then fails or opens the wizard. */
export const reservedAdminNames: readonly string[] = teams.map((team) => team.subjectId);

export const adminPasswordHole = 'adminPassword';
const initialData = 'initial-data.conf';
const pgpass = 'pgpass';

/**
 * All that CloudBeaver is told, the same bytes for the same input.
 * The initial data counts at the first start of a workspace only.
 * Throws on an input that the settings should have refused: a reserved admin name, two connections with one id.
 */
export function renderCloudBeaver(config: CloudBeaverConfig): CloudBeaverRendered {
  check(config);
  const root = rootPath(config.rootUrl);
  return {
    files: {
      'conf/cloudbeaver.conf': jsonFile(serverConfig(config, root)),
      'conf/initial-data-sources.conf': jsonFile(dataSources([])),
      'conf/logback.xml': logback,
    },
    workspaceFiles: {
      [connectionsFile]: jsonFile(dataSources(config.connections)),
      [permissionsFile]: jsonFile(Object.fromEntries(config.connections.map(({ id }) => [id, [everyone]]))),
    },
    secretFiles: secretFiles(config),
    environment: {
      JAVA_OPTS: javaOptions.join(' '),
      ...(config.connections.length > 0 && { PGPASSFILE: `${cloudBeaverPaths.secrets}/${pgpass}` }),
    },
    healthPath: `${root}status`,
    apiPath: `${root}api/gql`,
  };
}

/** A secret file's content. For the component, inside of its one `apply`. Throws when a value is missing. */
export function fillSecretFile(
  file: CloudBeaverSecretFile,
  secrets: Readonly<Record<string, string>>,
): string {
  return file.template.replaceAll(/\{\{(\w+)\}\}/g, (_hole, name: string) => {
    const value = secrets[name];
    if (value === undefined || value === '')
      throw new Error(`CloudBeaver's ${file.name}: no value for ${name}`);
    return file.encode === 'json' ? JSON.stringify(value) : pgpassField(value, name);
  });
}

const javaOptions = [
  // Half of the limit is the heap (the JVM takes a quarter by itself). The other half holds classes (OSGi and drivers, about
  // 200 MiB), compiled code, threads, and the folders in memory, which count towards the limit: the home and /tmp.
  '-XX:MaxRAMPercentage=50',
  // OSGi writes where it starts, which is read-only here: its own folder is in the home, the image's is only read.
  `-Dosgi.configuration.area=${cloudBeaverPaths.userHome}/osgi`,
  `-Dosgi.sharedConfiguration.area=${cloudBeaverPaths.home}/server/configuration`,
];

/** A password as CloudBeaver's clients send it: its MD5, in upper case. */
export const loginDigest = (password: string): string =>
  createHash('md5').update(password).digest('hex').toUpperCase();

/** What a connection opens, as CloudBeaver shows it. */
export const connectionUrl = ({ host, port, database }: CloudBeaverConnection): string =>
  `jdbc:postgresql://${host}:${String(port)}/${database}`;

function check(config: CloudBeaverConfig): void {
  if (reservedAdminNames.includes(config.adminName))
    throw new Error(
      `cloudbeaver.adminName: ${config.adminName} is the name of a team; take another, like cbadmin`,
    );
  if (config.serverName === '') throw new Error('cloudbeaver: the server needs a name');
  const ids = config.connections.map((connection) => connection.id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw new Error(`cloudbeaver: two connections have the id ${twice}`);
}

const rootPath = (url: string) => `${new URL(url).pathname.replace(/\/+$/, '')}/`;

function serverConfig(config: CloudBeaverConfig, rootURI: string) {
  return {
    server: {
      serverName: config.serverName,
      serverPort: config.port,
      workspaceLocation: 'workspace',
      contentRoot: 'web',
      driversLocation: 'drivers',
      rootURI,
      serviceURI: '/api/',
      expireSessionAfterPeriod: config.sessionTimeout * 1000,
      // Serves the GraphQL console and the schema to anybody when on.
      develMode: false,
      productSettings: { 'plugin.log-viewer.disabled': true },
      sm: {
        enableBruteForceProtection: true,
        maxFailedLogin: 10,
        minimumLoginTimeout: 1,
        blockLoginPeriod: 300,
        passwordPolicy: { minLength: 20, requireMixedCase: true, minNumberCount: 1, minSymbolCount: 0 },
      },
      database: {
        driver: 'h2_embedded_v2',
        url: 'jdbc:h2:${workspace}/.data/cb.h2v2.dat',
        initialDataConfiguration: `${cloudBeaverPaths.secrets}/${initialData}`,
        backupEnabled: true,
      },
    },
    app: {
      // On in the shipped file.
      anonymousAccessEnabled: false,
      grantConnectionsAccessToAnonymousTeam: false,
      defaultUserTeam: everyone,
      // The local provider has no sign-up of its own: users are made by an admin.
      defaultAuthProvider: 'local',
      enabledAuthProviders: ['local'],
      enableReverseProxyAuth: false,
      // No connections, and so no drivers, of a user's own choice.
      supportsCustomConnections: false,
      // Would let a connection's text read the server's environment.
      systemVariablesResolvingEnabled: false,
      forwardProxy: false,
      publicCredentialsSaveEnabled: false,
      // Of connections that an admin adds by hand.
      adminCredentialsSaveEnabled: true,
      resourceManagerEnabled: true,
      resourceQuotas: {
        dataExportFileSizeLimit: 10_000_000,
        resourceManagerFileSizeLimit: 500_000,
        sqlMaxRunningQueries: 20,
        // Rows are held in the JVM: the shipped 100000 is too much for a small host.
        sqlResultSetRowsLimit: 10_000,
        sqlTextPreviewMaxLength: 4096,
        sqlBinaryPreviewMaxLength: 261_120,
      },
      // Databases in the server's own process read its files.
      disabledDrivers: [
        'sqlite:sqlite_jdbc',
        'h2:h2_embedded',
        'h2:h2_embedded_v2',
        'clickhouse:yandex_clickhouse',
      ],
      disabledBetaFeatures: [],
    },
  };
}

function dataSources(connections: readonly CloudBeaverConnection[]) {
  return {
    folders: {},
    connections: Object.fromEntries(
      connections.map((connection) => [
        connection.id,
        {
          provider: 'postgresql',
          driver: 'postgres-jdbc',
          name: connection.name,
          'save-password': true,
          'read-only': connection.readOnly ?? false,
          configuration: {
            host: connection.host,
            port: String(connection.port),
            database: connection.database,
            url: connectionUrl(connection),
            configurationType: 'MANUAL',
            'auth-model': 'postgres_pgpass',
            user: connection.user,
          },
        },
      ]),
    ),
  };
}

function secretFiles(config: CloudBeaverConfig): CloudBeaverSecretFile[] {
  const { connections, adminName } = config;
  const admin: CloudBeaverSecretFile = {
    name: initialData,
    encode: 'json',
    holes: [adminPasswordHole],
    // The hole stands for a whole JSON string, quotes included.
    template: jsonFile({ adminName, adminPassword: '{{hole}}', teams }).replace(
      '"{{hole}}"',
      `{{${adminPasswordHole}}}`,
    ),
  };
  if (connections.length === 0) return [admin];
  const lines = connections.map(({ host, port, database, user, passwordHole }) =>
    [
      ...[host, String(port), database, user].map((text) => pgpassField(text, 'connection')),
      `{{${passwordHole}}}`,
    ].join(':'),
  );
  const holes = [...new Set(connections.map((connection) => connection.passwordHole))];
  return [
    admin,
    { name: pgpass, encode: 'pgpass', holes, template: lines.map((line) => `${line}\n`).join('') },
  ];
}

function pgpassField(text: string, name: string): string {
  if (/[\r\n]/.test(text))
    throw new Error(`CloudBeaver's pgpass: ${name} has a line break, which the file cannot hold`);
  return text.replaceAll(/[\\:]/g, String.raw`\$&`);
}

const logback = `<?xml version="1.0" encoding="UTF-8"?>
<!-- Written by Taffrail; the next \`pulumi up\` overwrites it. The shipped file logs every call at DEBUG. -->
<configuration>
  <statusListener class="ch.qos.logback.core.status.NopStatusListener"/>
  <appender name="CONSOLE" class="ch.qos.logback.core.ConsoleAppender">
    <encoder>
      <pattern>%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %-5level [%thread] %logger{36} %msg%n</pattern>
    </encoder>
  </appender>
  <root level="INFO">
    <appender-ref ref="CONSOLE"/>
  </root>
</configuration>
`;
