import { describe, expect, test } from 'vitest';
import { grafanaMistakes } from '../../configs/checks/programs.ts';
import { schema } from '../../configs/settings.ts';
import { configOf } from '../stacks/load.ts';
import { type BadSetting, describeBad, errorOf } from './badSettings.ts';

// Who gets into Grafana, and what is shown first: what is wrong there, and what a person is told.

/** Those that a configuration names. */
const secretsOf = (config: string): Record<string, string> =>
  Object.fromEntries(
    ['ssoSecret', 'annaPassword']
      .filter((name) => config.includes(name))
      .map((name) => [name, 'synthetic-0123456789abc']),
  );
const oauth = (provider: string, more: string): string =>
  `taffrail:grafana: {oauth: {provider: ${provider}, clientId: abc, clientSecret: ssoSecret, ${more}}}`;
const users = (...all: string[]): string =>
  `taffrail:grafana: {users: [${all.map((one) => `{${one}, password: annaPassword}`).join(', ')}]}`;
const at = 'pulumi config set --path taffrail:grafana.oauth';

const ignored = (provider: string): BadSetting => ({
  name: `organizations for ${provider}, which Grafana would ignore`,
  config: oauth(provider, 'signUp: true, allowedOrganizations: [acme]'),
  mistakes: [
    {
      path: 'grafana.oauth.allowedOrganizations',
      given: 'acme',
      wanted: `allowedDomains, which ${provider} has: Grafana ignores organizations there, and leaves nobody out`,
      type: "pulumi config rm --path taffrail:grafana.oauth.allowedOrganizations && pulumi config set --path 'taffrail:grafana.oauth.allowedDomains[0]' example.com",
    },
  ],
});
const open = (provider: string, more: string, wanted: string, line: string): BadSetting => ({
  name: `sign-up for whoever has an account: ${provider} ${more}`,
  config: oauth(provider, `signUp: true, ${more}`),
  mistakes: [
    {
      path: 'grafana.oauth.signUp',
      given: 'true, where everybody may have an account',
      wanted,
      type: `pulumi config set --path 'taffrail:grafana.oauth.${line}`,
    },
  ],
});
const domain = "allowedDomains[0]' example.com";
const either = 'allowedOrganizations or allowedDomains, which leave others out';
const [common, token] = [
  'https://login.microsoftonline.com/common/oauth2/v2.0/authorize',
  'tokenUrl: "https://login.microsoftonline.com/common/oauth2/v2.0/token"',
];

const bad: BadSetting[] = [
  ignored('google'),
  ignored('gitlab'),
  {
    ...ignored('google'),
    name: 'organizations for google beside domains, without sign-up',
    config: oauth('google', 'allowedDomains: [acme.com], allowedOrganizations: [acme, other]'),
    mistakes: [
      {
        path: 'grafana.oauth.allowedOrganizations',
        given: 'acme, other',
        wanted:
          'allowedDomains, which google has: Grafana ignores organizations there, and leaves nobody out',
        type: 'pulumi config rm --path taffrail:grafana.oauth.allowedOrganizations',
      },
    ],
  },
  open('github', '', either, "allowedOrganizations[0]' acme"),
  open('google', '', 'allowedDomains, which leaves others out', domain),
  open('gitlab', '', 'allowedDomains, which leaves others out', domain),
  open(
    'azuread',
    `authUrl: "${common}", ${token}, allowedDomains: [example.com]`,
    'allowedOrganizations, your tenant by its id: any tenant may claim an address of your domain',
    "allowedOrganizations[0]' 8bab1c86-8fba-33e5-2089-1d1c80ec267d",
  ),
  open(
    'generic_oauth',
    'authUrl: "https://GitHub.com/login", tokenUrl: "https://github.com/t", apiUrl: "https://api.github.com/user"',
    either,
    domain,
  ),
  {
    name: 'all tenants of Microsoft by the generic provider',
    config: oauth(
      'generic_oauth',
      `authUrl: "${common}", ${token}, apiUrl: "https://graph.microsoft.com/oidc/userinfo", allowedDomains: [example.com], signUp: true`,
    ),
    mistakes: [
      {
        path: 'grafana.oauth.signUp',
        given: 'true, where everybody may have an account',
        wanted: 'an authUrl with your tenant: any tenant may claim an address of your domain',
        type: `${at}.authUrl https://login.microsoftonline.com/example.onmicrosoft.com/oauth2/v2.0/authorize`,
      },
    ],
  },
  {
    name: 'a domain as it stands in an address',
    config: oauth('google', 'signUp: true, allowedDomains: ["@acme.example"]'),
    mistakes: [
      {
        path: 'grafana.oauth.allowedDomains[0]',
        given: '"@acme.example"',
        wanted: 'a list of domains, each in an entry of its own',
        type: "pulumi config set --path 'taffrail:grafana.oauth.allowedDomains[0]' acme.example",
      },
    ],
  },
  {
    name: 'Microsoft without the addresses of the tenant',
    config: oauth('azuread', 'signUp: true'),
    mistakes: [
      {
        path: 'grafana.oauth.authUrl',
        given: 'nothing',
        wanted: 'the address, which azuread cannot know',
        type: `${at}.authUrl https://login.microsoftonline.com/example.onmicrosoft.com/oauth2/v2.0/authorize`,
      },
      {
        path: 'grafana.oauth.tokenUrl',
        given: 'nothing',
        wanted: 'the address, which azuread cannot know',
        type: `${at.replace('set', 'set --plaintext')}.tokenUrl https://login.microsoftonline.com/example.onmicrosoft.com/oauth2/v2.0/token`,
      },
    ],
  },
  {
    name: 'an address that Microsoft has not',
    config: oauth(
      'azuread',
      'authUrl: "https://login.example.com/a", tokenUrl: "https://login.example.com/t", apiUrl: "https://login.example.com/me"',
    ),
    mistakes: [
      {
        path: 'grafana.oauth.apiUrl',
        given: 'an address',
        wanted: 'no address: azuread has none, and its token tells who it is',
        type: 'pulumi config rm --path taffrail:grafana.oauth.apiUrl',
      },
    ],
  },
  {
    name: 'a domain that Grafana would read as none',
    config: oauth('google', 'signUp: true, allowedDomains: [", "]'),
    mistakes: [
      {
        path: 'grafana.oauth.allowedDomains[0]',
        given: '", "',
        wanted: 'a list of domains, each in an entry of its own',
        type: "pulumi config set --path 'taffrail:grafana.oauth.allowedDomains[0]' example.com",
      },
    ],
  },
  ...['bo b', 'bo&b', 'bo#b', 'bo+b', 'bo/b', 'bo?b', 'bo%b', 'bo"b'].map((login): BadSetting => ({
    name: `a login that is none in an address: ${login}`,
    config: users(`login: '${login}'`),
    mistakes: [
      {
        path: 'grafana.users[0].login',
        given: JSON.stringify(login),
        wanted: 'a name of letters, digits and . _ - @ that starts with a letter or digit',
        type: "pulumi config set --path 'taffrail:grafana.users[0].login' bo-b",
      },
    ],
  })),
  {
    name: 'two users of one name but for case, and a third with what is to be typed',
    config: users('login: anna', 'login: Anna', 'login: anna2'),
    mistakes: [
      {
        path: 'grafana.users[1].login',
        given: 'Anna',
        wanted: 'another name: an earlier user has it',
        type: "pulumi config set --path 'taffrail:grafana.users[1].login' Anna3",
      },
    ],
  },
  {
    name: 'addresses and logins that others have: Grafana looks for both at once',
    config: users(
      'login: anna, email: anna@example.com',
      'login: Anna@example.com',
      'login: bob, email: ANNA@example.com',
    ),
    mistakes: [
      {
        path: 'grafana.users[1].login',
        given: 'Anna@example.com',
        wanted: 'another name: an earlier user has it',
        type: "pulumi config set --path 'taffrail:grafana.users[1].login' Anna@example.com2",
      },
      {
        path: 'grafana.users[2].email',
        given: 'ANNA@example.com',
        wanted: 'another address: an earlier user has it',
        type: "pulumi config rm --path 'taffrail:grafana.users[2].email'",
      },
    ],
  },
  {
    name: 'a first dashboard that is not there',
    config: 'taffrail:grafana: {home: taffrail-home}',
    mistakes: [
      {
        path: 'grafana.home',
        given: 'taffrail-home',
        wanted: 'the uid of a dashboard that is there: taffrail-stack',
        type: 'pulumi config set --path taffrail:grafana.home taffrail-stack',
      },
    ],
  },
];

describeBad(
  '3.18 S8 who gets into Grafana',
  bad.map((row) => ({ ...row, secrets: secretsOf(row.config) })),
);

describe('3.18 S8: what is right there', () => {
  test.each([
    oauth('github', 'signUp: true, allowedOrganizations: [acme]'),
    oauth('google', 'signUp: true, allowedDomains: [acme.com]'),
    // Nobody new: who has no user here stays outside.
    oauth('google', 'signUp: false'),
    // A company's own: whom it knows is its own matter.
    oauth('gitlab', 'signUp: true, authUrl: "https://gitlab.example.com/oauth/authorize"'),
    oauth('azuread', `signUp: true, authUrl: "${common.replace('common', 'acme.com')}", ${token}`),
    oauth('azuread', `signUp: true, authUrl: "${common}", ${token}, allowedOrganizations: [8bab-1c]`),
    users('login: a@b', 'login: a_b', 'login: a.b, email: a.b@example.com'),
    users('login: anna@example.com, email: anna@example.com'),
    'taffrail:grafana: {home: taffrail-stack}',
  ])('%s', (config) => {
    expect(errorOf(configOf(`config:\n  ${config}\n`, secretsOf(config)))?.message).toBeUndefined();
  });
});

describe('3.18 S8: the first dashboard among those of one’s own', () => {
  const mistakes = (home: string, files: Record<string, string>) =>
    grafanaMistakes(schema.parse({ extra: 'extra', grafana: { home } }), { extraFiles: files });
  const files = {
    'dashboards/own.json': '{"uid": "shop-sales", "title": "Sales"}',
    'rules/shop.yml': '{"uid": "rules"}',
  };

  test('is known by its uid', () => {
    expect(mistakes('shop-sales', files)).toEqual([]);
  });
  test('is looked for in dashboards only, and the nearest is what to type', () => {
    expect(mistakes('shop-sale', files)).toEqual([
      {
        path: 'grafana.home',
        given: 'shop-sale',
        wanted: 'the uid of a dashboard that is there: taffrail-stack, shop-sales',
        type: 'pulumi config set --path taffrail:grafana.home shop-sales',
      },
    ]);
    expect(mistakes('rules', files)).toHaveLength(1);
  });
  test('may be the file that is broken, which is a mistake of its own', () => {
    expect(mistakes('mine', { ...files, 'dashboards/mine.json': '{"uid": ' })).toEqual([]);
  });
});
