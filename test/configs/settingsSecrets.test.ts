import { type BadSetting, describeBad } from './badSettings.ts';

// What is wrong in secrets, and what a person is told.
const rows: BadSetting[] = [
  {
    name: 'a secret in clear text',
    config: `
taffrail:grafana: {adminPassword: grafanaAdminPassword}
taffrail:grafanaAdminPassword: canary-5f2e9c81d7`,
    mistakes: [
      {
        path: 'grafanaAdminPassword',
        given: 'a secret in clear text',
        wanted: 'an encrypted value, because grafana.adminPassword names it',
        type: 'pulumi config set --secret taffrail:grafanaAdminPassword',
      },
    ],
  },
  {
    name: 'a password where its name belongs',
    config: 'taffrail:grafana: {adminPassword: canary5f2e9c81d7}',
    mistakes: [
      {
        path: 'grafana.adminPassword',
        given: 'a name for which no secret is set; not shown: it may be the secret itself',
        wanted: 'the name of a secret, like grafanaAdminPassword',
        type: 'pulumi config set --plaintext --path taffrail:grafana.adminPassword grafanaAdminPassword && pulumi config set --secret taffrail:grafanaAdminPassword',
      },
    ],
  },
  {
    name: 'a password with signs where its name belongs',
    config: 'taffrail:grafana: {adminPassword: canary-5f2e9c81d7!}',
    mistakes: [
      {
        path: 'grafana.adminPassword',
        given: 'a text, not shown: it may be a secret',
        wanted:
          'the name of a secret, in letters and digits; the secret itself is set by pulumi config set --secret <name>',
        type: 'pulumi config set --plaintext --path taffrail:grafana.adminPassword grafanaAdminPassword && pulumi config set --secret taffrail:grafanaAdminPassword',
      },
    ],
  },
  {
    name: 'a number where the name of a secret belongs',
    config: 'taffrail:redis: {enabled: true, password: 5292817}',
    mistakes: [
      {
        path: 'redis.password',
        given: 'a number, not shown: it may be a secret',
        wanted:
          'the name of a secret, in letters and digits; the secret itself is set by pulumi config set --secret <name>',
        type: 'pulumi config set --plaintext --path taffrail:redis.password redisPassword && pulumi config set --secret taffrail:redisPassword',
      },
    ],
  },
  {
    name: 'a secret that is not set',
    config: 'taffrail:grafana: {adminPassword: grafanaAdminPassword}',
    mistakes: [
      {
        path: 'grafanaAdminPassword',
        given: 'nothing',
        wanted: 'a secret, because grafana.adminPassword names it',
        type: 'pulumi config set --secret taffrail:grafanaAdminPassword',
      },
    ],
  },
  {
    name: 'a secret that two name and nobody set',
    config: `
taffrail:postgres: {enabled: true, password: postgresPassword}
taffrail:apps: {bot: {image: bot:1, secrets: {postgres_password: postgresPassword}}}`,
    mistakes: [
      {
        path: 'postgresPassword',
        given: 'nothing',
        wanted: 'a secret, because apps.bot.secrets.postgres_password and postgres.password name it',
        type: 'pulumi config set --secret taffrail:postgresPassword',
      },
    ],
  },
  {
    name: 'a misspelt name of a secret that is set',
    config: 'taffrail:grafana: {adminPassword: grafanaAdminPasword}',
    secrets: { grafanaAdminPassword: 'canary-5f2e9c81d7-long-enough' },
    mistakes: [
      {
        path: 'grafana.adminPassword',
        given: 'the name of a secret that is not set',
        wanted: 'perhaps grafanaAdminPassword, which is set',
        type: 'pulumi config set --plaintext --path taffrail:grafana.adminPassword grafanaAdminPassword',
      },
    ],
  },
  {
    name: 'a secret that nobody names',
    config: 'taffrail:host: vps-1',
    secrets: { stripeKey: 'canary-5f2e9c81d7' },
    mistakes: [
      {
        path: 'stripeKey',
        given: 'a secret that no setting names',
        wanted: 'a setting that names it',
        type: 'pulumi config rm --path taffrail:stripeKey',
      },
    ],
  },
  {
    name: 'a secret under a misspelt key',
    config: 'taffrail:grafana: {adminPassword: grafanaAdminPassword}',
    secrets: { grafanaAdminPasswort: 'canary-5f2e9c81d7-long-enough' },
    mistakes: [
      {
        path: 'grafanaAdminPasswort',
        given: 'a secret that no setting names',
        wanted: 'perhaps grafanaAdminPassword, because grafana.adminPassword names it',
        type: 'sed -i.bak s/taffrail:grafanaAdminPasswort:/taffrail:grafanaAdminPassword:/ Pulumi.prod.yaml',
      },
    ],
  },
  {
    name: 'an encrypted setting',
    config: 'taffrail:host: vps-1',
    secrets: { host: 'canary-5f2e9c81d7' },
    mistakes: [
      {
        path: 'host',
        given: 'an encrypted value',
        wanted: 'plain text; a secret has a key of its own, which this setting names',
        type: 'pulumi config set --plaintext taffrail:host vps-1',
      },
    ],
  },
  {
    name: 'an encrypted password inside a setting',
    config: '',
    secrets: { grafana: '{"port":3000,"adminPassword":"canary5f2e9c81d7"}' },
    mistakes: [
      {
        path: 'grafana.adminPassword',
        given: 'something encrypted in it',
        wanted: 'plain text; a secret has a key of its own, which this setting names',
        type: 'pulumi config rm --path taffrail:grafana.adminPassword && pulumi config set --plaintext --path taffrail:grafana.adminPassword grafanaAdminPassword && pulumi config set --secret taffrail:grafanaAdminPassword',
      },
    ],
  },
  {
    name: 'an encrypted text inside a setting',
    config: '',
    secrets: { apps: '{"bot":{"image":"bot:1","environment":{"TOKEN":"canary-5f2e9c81d7"}}}' },
    byHand: true,
    mistakes: [
      {
        path: 'apps',
        given: 'something encrypted in it',
        wanted: 'plain text; a secret has a key of its own, which this setting names',
        type: 'grep -n -B1 secure: Pulumi.prod.yaml',
      },
    ],
  },
  {
    name: 'an encrypted setting that is wrong as well',
    config: '',
    secrets: { loki: '{"retention":"canary-5f2e9c81d7"}' },
    byHand: true,
    mistakes: [
      {
        path: 'loki',
        given: 'something encrypted in it',
        wanted: 'plain text; a secret has a key of its own, which this setting names',
        type: 'grep -n -B1 secure: Pulumi.prod.yaml',
      },
    ],
  },
  {
    name: 'a short password of Grafana',
    config: 'taffrail:grafana: {adminPassword: grafanaAdminPassword}',
    secrets: { grafanaAdminPassword: 'canary-5f2e9' },
    mistakes: [
      {
        path: 'grafanaAdminPassword',
        given: 'a password of 12 characters',
        wanted: 'at least 20 characters, because grafana.adminPassword names it',
        type: 'openssl rand -base64 24 | pulumi config set --secret taffrail:grafanaAdminPassword',
      },
    ],
  },
  {
    name: 'a short password of CloudBeaver',
    config: 'taffrail:cloudbeaver: {adminPassword: dbPassword}',
    secrets: { dbPassword: 'canary-5f2e9' },
    mistakes: [
      {
        path: 'dbPassword',
        given: 'a password of 12 characters',
        wanted: 'at least 20 characters, because cloudbeaver.adminPassword names it',
        type: 'openssl rand -base64 24 | pulumi config set --secret taffrail:dbPassword',
      },
    ],
  },
  {
    name: 'a short password of a user',
    config: 'taffrail:grafana: {users: [{login: anna, password: annaPassword}]}',
    secrets: { annaPassword: 'canary-5f2e9' },
    mistakes: [
      {
        path: 'annaPassword',
        given: 'a password of 12 characters',
        wanted: 'at least 20 characters, because grafana.users[0].password names it',
        type: 'openssl rand -base64 24 | pulumi config set --secret taffrail:annaPassword',
      },
    ],
  },
  {
    name: 'a password as a number in the environment',
    config: 'taffrail:apps: {bot: {image: bot:1, environment: {PIN: 5292817}}}',
    mistakes: [
      {
        path: 'apps.bot.environment.PIN',
        given: 'a number, not shown: it may be a secret',
        wanted: 'a text; a number goes in quotes',
        type: 'pulumi config set --type string --path taffrail:apps.bot.environment.PIN "$(pulumi config get --path taffrail:apps.bot.environment.PIN)"',
      },
    ],
  },
  {
    name: 'a secret that is a list',
    config: 'taffrail:apps: {bot: {image: bot:1, secrets: {token: [canary-5f2e9c81d7]}}}',
    mistakes: [
      {
        path: 'apps.bot.secrets.token',
        given: 'a list',
        wanted:
          'the name of a secret, in letters and digits; the secret itself is set by pulumi config set --secret <name>',
        type: 'pulumi config set --plaintext --path taffrail:apps.bot.secrets.token token && pulumi config set --secret taffrail:token',
      },
    ],
  },
  {
    name: 'a password in an address',
    config: 'taffrail:grafana: {rootUrl: "postgres://anna:canary-5f2e9c81d7@db/x"}',
    mistakes: [
      {
        path: 'grafana.rootUrl',
        given: '"postgres://***@db/x"',
        wanted: 'an address that starts with http:// or https://',
        type: 'pulumi config set --path taffrail:grafana.rootUrl https://grafana.example.com',
      },
    ],
  },
  {
    name: 'a password under a key that does not exist',
    config: 'taffrail:grafana: {adminPasswort: canary-5f2e9c81d7}',
    mistakes: [
      {
        path: 'grafana.adminPasswort',
        given: 'a setting that does not exist: adminPasswort',
        wanted: 'perhaps grafana.adminPassword',
        type: 'pulumi config set --plaintext --path taffrail:grafana.adminPassword "$(pulumi config get --path taffrail:grafana.adminPasswort)" && pulumi config rm --path taffrail:grafana.adminPasswort',
      },
    ],
  },
  {
    name: 'names that Pulumi takes for secrets',
    config: 'taffrail:grafana: {oauth: {provider: generic_oauth, clientId: 77, clientSecret: 5292817}}',
    mistakes: [
      {
        path: 'grafana.oauth.clientId',
        given: '77',
        wanted: 'a text that is not empty',
        type: 'pulumi config set --path taffrail:grafana.oauth.clientId Iv1.8f2c1f0e7d6b5a49',
      },
      {
        path: 'grafana.oauth.clientSecret',
        given: 'a number, not shown: it may be a secret',
        wanted:
          'the name of a secret, in letters and digits; the secret itself is set by pulumi config set --secret <name>',
        type: 'pulumi config set --plaintext --path taffrail:grafana.oauth.clientSecret grafanaOauthClientSecret && pulumi config set --secret taffrail:grafanaOauthClientSecret',
      },
    ],
  },
];

describeBad('3.18 secrets', rows);
