import { type BadSetting, describeBad } from './badSettings.ts';

// What is wrong in apps and databases, and what a person is told.
const rows: BadSetting[] = [
  {
    name: 'an app with neither image nor build',
    config: 'taffrail:apps: {bot: {}}',
    mistakes: [
      {
        path: 'apps.bot',
        given: 'neither image nor build',
        wanted: 'an image, or a folder to build',
        type: 'pulumi config set --path taffrail:apps.bot.image ghcr.io/acme/bot:1.0.0',
      },
    ],
  },
  {
    name: 'an app with both',
    config: 'taffrail:apps: {bot: {image: bot:1, build: ./bot}}',
    mistakes: [
      {
        path: 'apps.bot',
        given: 'both image and build',
        wanted: 'an image, or a folder to build',
        type: 'pulumi config rm --path taffrail:apps.bot.image',
      },
    ],
  },
  {
    name: 'an app with a name that Docker refuses',
    config: 'taffrail:apps: {My Bot: {image: bot:1}}',
    mistakes: [
      {
        path: 'apps["My Bot"]',
        given: 'the name "My Bot"',
        wanted: 'a name of small letters, digits, - and _',
        type: 'sed -i.bak \'s/\\([ {]\\)"*My Bot"*:/\\1my-bot:/\' Pulumi.prod.yaml',
      },
    ],
  },
  {
    name: 'an app with the name of one of ours',
    config: 'taffrail:apps: {grafana: {image: bot:1}}',
    mistakes: [
      {
        path: 'apps.grafana',
        given: 'grafana',
        wanted: 'another name: a container or a volume of the stack has it',
        type: "sed -i.bak 's/\\([ {]\\)grafana:/\\1own-grafana:/' Pulumi.prod.yaml",
      },
    ],
  },
  {
    name: 'a misspelt key of an app',
    config: 'taffrail:apps: {bot: {image: bot:1, enviroment: {A: b}}}',
    mistakes: [
      {
        path: 'apps.bot.enviroment',
        given: 'a setting that does not exist: enviroment',
        wanted: 'perhaps apps.bot.environment',
        type: "sed -i.bak 's/\\([ {]\\)enviroment:/\\1environment:/' Pulumi.prod.yaml",
      },
    ],
  },
  {
    name: 'a number in the environment',
    config: 'taffrail:apps: {bot: {image: bot:1, environment: {PORT: 8080}}}',
    mistakes: [
      {
        path: 'apps.bot.environment.PORT',
        given: 'a number, not shown: it may be a secret',
        wanted: 'a text; a number goes in quotes',
        type: 'pulumi config set --type string --path taffrail:apps.bot.environment.PORT "$(pulumi config get --path taffrail:apps.bot.environment.PORT)"',
      },
    ],
  },
  {
    name: 'a variable with a dot',
    config: 'taffrail:apps: {bot: {image: bot:1, environment: {app.port: 8080}}}',
    mistakes: [
      {
        path: 'apps.bot.environment["app.port"]',
        given: 'a number, not shown: it may be a secret',
        wanted: 'a text; a number goes in quotes',
        type: 'pulumi config set --type string --path \'taffrail:apps.bot.environment["app.port"]\' "$(pulumi config get --path \'taffrail:apps.bot.environment["app.port"]\')"',
      },
    ],
  },
  {
    name: 'a variable with a quote',
    config: 'taffrail:apps: {bot: {image: bot:1, environment: {"it\'s": 1}}}',
    mistakes: [
      {
        path: 'apps.bot.environment["it\'s"]',
        given: 'a number, not shown: it may be a secret',
        wanted: 'a text; a number goes in quotes',
        type: "pulumi config set --type string --path 'taffrail:apps.bot.environment[\"it'\\''s\"]' \"$(pulumi config get --path 'taffrail:apps.bot.environment[\"it'\\''s\"]')\"",
      },
    ],
  },
  {
    name: 'a secret file with a slash',
    config: 'taffrail:apps: {bot: {image: bot:1, secrets: {../etc/passwd: postgresPassword}}}',
    mistakes: [
      {
        path: 'apps.bot.secrets["../etc/passwd"]',
        given: 'the name "../etc/passwd"',
        wanted: 'a file name of letters, digits, _, . and -',
        type: 'pulumi config set --plaintext --path taffrail:apps.bot.secrets.etc-passwd "$(pulumi config get --path \'taffrail:apps.bot.secrets["../etc/passwd"]\')" && pulumi config rm --path \'taffrail:apps.bot.secrets["../etc/passwd"]\'',
      },
    ],
  },
  {
    name: 'a mount from a relative folder',
    config: 'taffrail:apps: {bot: {image: bot:1, mounts: [{source: ./bot, target: /app}]}}',
    mistakes: [
      {
        path: 'apps.bot.mounts[0].source',
        given: '"./bot"',
        wanted: 'a path that starts with /',
        type: "pulumi config set --path 'taffrail:apps.bot.mounts[0].source' /srv/bot",
      },
    ],
  },
  {
    name: 'a mount of the Docker socket',
    config:
      'taffrail:apps: {bot: {image: bot:1, mounts: [{source: /var/run/docker.sock, target: /docker.sock}]}}',
    mistakes: [
      {
        path: 'apps.bot.mounts[0].source',
        given: '/var/run/docker.sock',
        wanted: 'a folder without the sockets and the data of the engine: who has them has the host',
        type: "pulumi config rm --path 'taffrail:apps.bot.mounts[0]'",
      },
    ],
  },
  {
    name: 'a mount over the secrets',
    config: 'taffrail:apps: {bot: {image: bot:1, mounts: [{source: /srv/keys, target: /run/secrets}]}}',
    mistakes: [
      {
        path: 'apps.bot.mounts[0].target',
        given: '/run/secrets',
        wanted: 'a path other than /run/secrets, where the secrets are',
        type: "pulumi config set --path 'taffrail:apps.bot.mounts[0].target' /data/run/secrets",
      },
    ],
  },
  {
    name: 'two mounts at one path',
    config: `
taffrail:apps:
  bot:
    image: bot:1
    mounts: [{source: /srv/a, target: /data}, {source: /srv/b, target: /data}]`,
    mistakes: [
      {
        path: 'apps.bot.mounts[1].target',
        given: '/data',
        wanted: 'each path in the container once',
        type: "pulumi config set --path 'taffrail:apps.bot.mounts[1].target' /data-2",
      },
    ],
  },
  {
    name: 'metrics without a port',
    config: 'taffrail:apps: {bot: {image: bot:1, metrics: {path: /metrics}}}',
    mistakes: [
      {
        path: 'apps.bot.metrics.port',
        given: 'nothing',
        wanted: 'a port number from 1 to 65535, not in quotes',
        type: 'pulumi config set --path taffrail:apps.bot.metrics.port 8080',
      },
    ],
  },
  {
    name: 'a need that is switched off',
    config: 'taffrail:apps: {bot: {image: bot:1, needs: [postgres]}}',
    mistakes: [
      {
        path: 'apps.bot.needs',
        given: 'postgres',
        wanted: 'something that runs; postgres is switched off',
        type: 'pulumi config set --path taffrail:postgres.enabled true',
      },
    ],
  },
  {
    name: 'the password of a Postgres that is switched off',
    config: 'taffrail:apps: {bot: {image: bot:1, secrets: {postgres_password: postgres.password}}}',
    mistakes: [
      {
        path: 'apps.bot.secrets',
        given: 'postgres.password',
        wanted: 'something that runs; postgres is switched off',
        type: 'pulumi config set --path taffrail:postgres.enabled true',
      },
    ],
  },
  {
    name: 'a need that Taffrail has not',
    config: 'taffrail:apps: {bot: {image: bot:1, needs: [mysql]}}',
    mistakes: [
      {
        path: 'apps.bot.needs[0]',
        given: '"mysql"',
        wanted: 'one of postgres, redis',
        type: "pulumi config set --path 'taffrail:apps.bot.needs[0]' postgres",
      },
    ],
  },
  {
    name: 'a user by name',
    config: 'taffrail:apps: {bot: {image: bot:1, user: nobody}}',
    mistakes: [
      {
        path: 'apps.bot.user',
        given: '"nobody"',
        wanted: "a uid, or uid:gid, in quotes: '1000:1000'",
        type: 'pulumi config set --path taffrail:apps.bot.user 1000:1000',
      },
    ],
  },
  {
    name: 'a command as one text',
    config: 'taffrail:apps: {bot: {image: bot:1, command: python -m bot}}',
    mistakes: [
      {
        path: 'apps.bot.command',
        given: 'a text',
        wanted: 'a list of texts',
        type: "pulumi config rm --path taffrail:apps.bot.command && pulumi config set --path 'taffrail:apps.bot.command[0]' python",
      },
    ],
  },
  {
    name: 'a kind of database that is not known',
    config: 'taffrail:databases: {shop: {kind: postgresql, host: db}}',
    mistakes: [
      {
        path: 'databases.shop.kind',
        given: '"postgresql"',
        wanted: 'one of postgres, redis',
        type: 'pulumi config set --path taffrail:databases.shop.kind postgres',
      },
    ],
  },
  {
    name: 'a database without a password',
    config: 'taffrail:databases: {my-shop: {kind: postgres, host: db}}',
    mistakes: [
      {
        path: 'databases.my-shop.adminPassword',
        given: 'neither adminPassword nor password',
        wanted: 'the secret of an admin, with which the role is made, or that of a role you made',
        type: 'pulumi config set --plaintext --path taffrail:databases.my-shop.adminPassword myShopAdminPassword && pulumi config set --secret taffrail:myShopAdminPassword',
      },
    ],
  },
  {
    name: 'a database for CloudBeaver, which cannot sign in',
    config:
      'taffrail:databases: {shop: {kind: postgres, host: db, password: shopPassword, cloudbeaver: true}}',
    secrets: { shopPassword: 'canary' },
    mistakes: [
      {
        path: 'databases.shop.cloudbeaver',
        given: 'true, without adminPassword',
        wanted: 'the secret with which CloudBeaver signs in',
        type: 'pulumi config set --plaintext --path taffrail:databases.shop.adminPassword shopAdminPassword && pulumi config set --secret taffrail:shopAdminPassword',
      },
    ],
  },
  {
    name: 'a Redis for CloudBeaver',
    config:
      'taffrail:databases: {queue: {kind: redis, host: queue, password: queuePassword, cloudbeaver: true}}',
    secrets: { queuePassword: 'canary' },
    mistakes: [
      {
        path: 'databases.queue.cloudbeaver',
        given: 'true, of a redis',
        wanted: 'a postgres: CloudBeaver shows no other',
        type: 'pulumi config rm --path taffrail:databases.queue.cloudbeaver',
      },
    ],
  },
  {
    name: 'a Redis without a password',
    config: 'taffrail:databases: {cache: {kind: redis, host: cache}}',
    mistakes: [
      {
        path: 'databases.cache.adminPassword',
        given: 'neither adminPassword nor password',
        wanted: 'the secret of an admin, with which the user is made, or that of a user you made',
        type: 'pulumi config set --plaintext --path taffrail:databases.cache.adminPassword cacheAdminPassword && pulumi config set --secret taffrail:cacheAdminPassword',
      },
    ],
  },
  {
    name: 'everybody’s user as the one that is made',
    config:
      'taffrail:databases: {cache: {kind: redis, host: cache, adminUser: boss, adminPassword: cachePassword, user: default}}',
    secrets: { cachePassword: 'synthetic' },
    mistakes: [
      {
        path: 'databases.cache.user',
        given: 'default',
        wanted: 'a user of its own: with adminPassword it is made, and may read figures only',
        type: 'pulumi config rm --path taffrail:databases.cache.user',
      },
    ],
  },
  {
    name: 'the admin as the one that is made',
    config:
      'taffrail:databases: {shop: {kind: postgres, host: db, adminPassword: shopPassword, user: postgres}}',
    secrets: { shopPassword: 'synthetic' },
    mistakes: [
      {
        path: 'databases.shop.user',
        given: 'postgres',
        wanted: 'a user of its own: with adminPassword it is made, and may read figures only',
        type: 'pulumi config rm --path taffrail:databases.shop.user',
      },
    ],
  },
  {
    name: 'databases whose names jobs have',
    config:
      'taffrail:databases: {files: {kind: postgres, host: a, password: aPassword}, shop: {kind: redis, host: b, password: aPassword}, shop-files: {kind: redis, host: c, password: aPassword}, bot-files: {kind: redis, host: d, password: aPassword}}',
    secrets: { aPassword: 'synthetic' },
    mistakes: ['files', 'shop-files'].map((name) => ({
      path: `databases.${name}`,
      given: name,
      wanted: 'another name: a job of the stack has it',
      type: `sed -i.bak 's/\\([ {]\\)${name}:/\\1${name}-db:/' Pulumi.prod.yaml`,
    })),
  },
  {
    name: 'a database without a host',
    config: 'taffrail:databases: {cache: {kind: redis}}',
    mistakes: [
      {
        path: 'databases.cache.host',
        given: 'nothing',
        wanted: 'a text that is not empty',
        type: 'pulumi config set --path taffrail:databases.cache.host db',
      },
    ],
  },
  {
    name: 'a user of the database that is none',
    config: 'taffrail:postgres: {enabled: true, user: "Robert\'); DROP"}',
    mistakes: [
      {
        path: 'postgres.user',
        given: '"Robert\'); DROP"',
        wanted: 'a name of small letters, digits, - and _ that starts with a letter',
        type: 'pulumi config set --path taffrail:postgres.user postgres',
      },
    ],
  },
];

describeBad('3.18 apps and databases', rows);
