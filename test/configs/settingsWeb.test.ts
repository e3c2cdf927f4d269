import { type BadSetting, describeBad } from './badSettings.ts';

// What is wrong in Grafana and CloudBeaver, and what a person is told.
const rows: BadSetting[] = [
  {
    name: 'a port as text',
    config: 'taffrail:grafana: {port: "3001"}',
    mistakes: [
      {
        path: 'grafana.port',
        given: '"3001"',
        wanted: 'a port number from 1 to 65535, not in quotes',
        type: 'pulumi config rm --path taffrail:grafana.port && pulumi config set --path taffrail:grafana.port 3001',
      },
    ],
  },
  {
    name: 'a port that does not exist',
    config: 'taffrail:grafana: {port: 70000}',
    mistakes: [
      {
        path: 'grafana.port',
        given: '70000',
        wanted: 'a port number from 1 to 65535, not in quotes',
        type: 'pulumi config set --path taffrail:grafana.port 3000',
      },
    ],
  },
  {
    name: 'a name for an address',
    config: 'taffrail:grafana: {address: localhost}',
    mistakes: [
      {
        path: 'grafana.address',
        given: '"localhost"',
        wanted: 'an IP address like 127.0.0.1',
        type: 'pulumi config set --path taffrail:grafana.address 127.0.0.1',
      },
    ],
  },
  {
    name: 'every address without the leave to be heard',
    config: 'taffrail:grafana: {address: 0.0.0.0}',
    mistakes: [
      {
        path: 'grafana.address',
        given: '0.0.0.0',
        wanted:
          '127.0.0.1 and an SSH tunnel, a VPN address, or the explicit leave to send passwords in clear text: grafana.exposeWithoutTls',
        type: 'pulumi config set --path taffrail:grafana.address 127.0.0.1',
      },
    ],
  },
  {
    name: 'a public address of CloudBeaver',
    config: 'taffrail:cloudbeaver: {address: 203.0.113.7}',
    mistakes: [
      {
        path: 'cloudbeaver.address',
        given: '203.0.113.7',
        wanted:
          '127.0.0.1 and an SSH tunnel, a VPN address, or the explicit leave to send passwords in clear text: cloudbeaver.exposeWithoutTls',
        type: 'pulumi config set --path taffrail:cloudbeaver.address 127.0.0.1',
      },
    ],
  },
  {
    name: 'one port for two',
    config: 'taffrail:cloudbeaver: {port: 3000}',
    mistakes: [
      {
        path: 'cloudbeaver.port',
        given: '3000',
        wanted: 'another port than that of grafana',
        type: 'pulumi config set --path taffrail:cloudbeaver.port 3001',
      },
    ],
  },
  {
    name: 'one port for three',
    config: `
taffrail:grafana: {port: 9090}
taffrail:cloudbeaver: {port: 9090}
taffrail:prometheus: {publish: {}}`,
    mistakes: [
      {
        path: 'cloudbeaver.port',
        given: '9090',
        wanted: 'another port than that of grafana',
        type: 'pulumi config set --path taffrail:cloudbeaver.port 9091',
      },
      {
        path: 'prometheus.publish.port',
        given: '9090',
        wanted: 'another port than that of grafana',
        type: 'pulumi config set --path taffrail:prometheus.publish.port 9092',
      },
    ],
  },
  {
    name: 'an address without a protocol',
    config: 'taffrail:grafana: {rootUrl: grafana.example.com}',
    mistakes: [
      {
        path: 'grafana.rootUrl',
        given: '"grafana.example.com"',
        wanted: 'an address that starts with http:// or https://',
        type: 'pulumi config set --path taffrail:grafana.rootUrl https://grafana.example.com',
      },
    ],
  },
  {
    name: 'a role in small letters',
    config: 'taffrail:grafana: {users: [{login: anna, role: editor, password: annaPassword}]}',
    secrets: { annaPassword: 'synthetic-0123456789abc' },
    mistakes: [
      {
        path: 'grafana.users[0].role',
        given: '"editor"',
        wanted: 'one of Viewer, Editor, Admin',
        type: "pulumi config set --path 'taffrail:grafana.users[0].role' Editor",
      },
    ],
  },
  {
    name: 'an e-mail address without a host',
    config: 'taffrail:grafana: {users: [{login: anna, email: anna, password: annaPassword}]}',
    secrets: { annaPassword: 'synthetic-0123456789abc' },
    mistakes: [
      {
        path: 'grafana.users[0].email',
        given: '"anna"',
        wanted: 'an e-mail address',
        type: "pulumi config set --path 'taffrail:grafana.users[0].email' anna@example.com",
      },
    ],
  },
  {
    name: 'a user without a password',
    config: 'taffrail:grafana: {users: [{login: anna}]}',
    mistakes: [
      {
        path: 'grafana.users[0].password',
        given: 'nothing',
        wanted:
          'the name of a secret, in letters and digits; the secret itself is set by pulumi config set --secret <name>',
        type: "pulumi config set --plaintext --path 'taffrail:grafana.users[0].password' annaPassword && pulumi config set --secret taffrail:annaPassword",
      },
    ],
  },
  {
    name: 'a user with the name of the administrator',
    config: 'taffrail:grafana: {users: [{login: Admin, password: annaPassword}]}',
    secrets: { annaPassword: 'synthetic-0123456789abc' },
    mistakes: [
      {
        path: 'grafana.users[0].login',
        given: 'Admin',
        wanted: 'another name: grafana.adminUser has it',
        type: "pulumi config set --path 'taffrail:grafana.users[0].login' Admin2",
      },
    ],
  },
  {
    name: 'an OAuth provider that Grafana has not',
    config: 'taffrail:grafana: {oauth: {provider: gitea, clientId: abc, clientSecret: giteaSecret}}',
    secrets: { giteaSecret: 'synthetic' },
    mistakes: [
      {
        path: 'grafana.oauth.provider',
        given: '"gitea"',
        wanted: 'one of github, google, gitlab, azuread, generic_oauth',
        type: 'pulumi config set --path taffrail:grafana.oauth.provider gitlab',
      },
    ],
  },
  {
    name: 'an OAuth provider without its addresses',
    config:
      'taffrail:grafana: {oauth: {provider: generic_oauth, clientId: abc, clientSecret: ssoSecret, tokenUrl: "https://id.example.com/token"}}',
    secrets: { ssoSecret: 'synthetic' },
    mistakes: [
      {
        path: 'grafana.oauth.authUrl',
        given: 'nothing',
        wanted: 'the address, which generic_oauth cannot know',
        type: 'pulumi config set --path taffrail:grafana.oauth.authUrl https://id.example.com/authorize',
      },
      {
        path: 'grafana.oauth.apiUrl',
        given: 'nothing',
        wanted: 'the address, which generic_oauth cannot know',
        type: 'pulumi config set --path taffrail:grafana.oauth.apiUrl https://id.example.com/userinfo',
      },
    ],
  },
  {
    name: 'OAuth as a word',
    config: 'taffrail:grafana: {oauth: github}',
    mistakes: [
      {
        path: 'grafana.oauth',
        given: 'a text',
        wanted:
          'settings of its own: provider, clientId, clientSecret, authUrl, tokenUrl, apiUrl, scopes, allowedDomains, allowedOrganizations, signUp',
        type: 'pulumi config rm --path taffrail:grafana.oauth && pulumi config set --path taffrail:grafana.oauth.provider github && pulumi config set --path taffrail:grafana.oauth.clientId Iv1.8f2c1f0e7d6b5a49 && pulumi config set --plaintext --path taffrail:grafana.oauth.clientSecret grafanaOauthClientSecret && pulumi config set --secret taffrail:grafanaOauthClientSecret',
      },
    ],
  },
  {
    name: 'an administrator with the name of a team',
    config: 'taffrail:cloudbeaver: {adminName: admin}',
    mistakes: [
      {
        path: 'cloudbeaver.adminName',
        given: 'admin',
        wanted: 'another name: CloudBeaver has a team of that name',
        type: 'pulumi config set --path taffrail:cloudbeaver.adminName cbadmin',
      },
    ],
  },
  {
    name: 'a switch as text',
    config: 'taffrail:cloudbeaver: {enabled: "off"}',
    mistakes: [
      {
        path: 'cloudbeaver.enabled',
        given: '"off"',
        wanted: 'true or false',
        type: 'pulumi config rm --path taffrail:cloudbeaver.enabled && pulumi config set --path taffrail:cloudbeaver.enabled false',
      },
    ],
  },
];

describeBad('3.18 Grafana and CloudBeaver', rows);
