import { z } from 'zod';
import { stackDashboardUid } from './dashboards/stack.ts';
import { flag, list, name, published, secretName, service, text, url } from '../schema.ts';

/** Safe as it stands in a URL, in JSON and as the name of a file. */
const safeLogin = /^[a-zA-Z0-9][\w.@-]{0,99}$/;

const user = z.strictObject({
  login: z
    .string()
    .regex(safeLogin)
    .meta({
      description:
        'The name to log in with: letters, digits and `. _ - @`. Grafana keeps small letters only.',
      example: 'anna',
      wanted: 'a name of letters, digits and . _ - @ that starts with a letter or digit',
      meant: (given: unknown) => {
        const login = typeof given === 'string' ? given.replace(/[^\w.@-]+/g, '-') : '';
        return safeLogin.test(login) ? login : undefined;
      },
    }),
  email: z.email().optional().meta({
    description:
      'The address of the user; what people type in Grafana is overwritten. Default: the login, as in Grafana itself.',
    example: 'anna@example.com',
    wanted: 'an e-mail address',
  }),
  role: z
    .enum(['Viewer', 'Editor', 'Admin'])
    .default('Viewer')
    .meta({ description: 'What the user may do.', example: 'Viewer' }),
  password: secretName('The password.', 'annaPassword'),
});

/** `@acme.com` -> `acme.com` */
const withoutAt = (given: unknown): string | undefined => /^@([\w.-]+)$/.exec(String(given).trim())?.[1];

/** One entry is one name to Grafana, which splits at spaces and commas: without a name in it nobody would be left out. */
const names = (about: string, example: string, kind: string) => {
  const wanted = `a list of ${kind}, each in an entry of its own`;
  const one = z.string().regex(/^[\w.-]+$/);
  return list(one.meta({ description: about, example, wanted, meant: withoutAt }), about, example, wanted);
};

const oauth = z.strictObject({
  provider: z
    .enum(['github', 'google', 'gitlab', 'azuread', 'generic_oauth'])
    .meta({ description: 'Who vouches for users.', example: 'github' }),
  clientId: text('The identifier the provider gave.', 'Iv1.8f2c1f0e7d6b5a49'),
  clientSecret: secretName('The secret the provider gave.', 'githubClientSecret'),
  authUrl: url(
    'Where users are sent. Required for azuread (it holds your tenant) and generic_oauth.',
    'https://id.example.com/authorize',
  ).optional(),
  tokenUrl: url(
    'Where the token is fetched. Required for azuread and generic_oauth.',
    'https://id.example.com/token',
  ).optional(),
  apiUrl: url(
    'Where the user is looked up. Required for generic_oauth; azuread has none.',
    'https://id.example.com/userinfo',
  ).optional(),
  scopes: text('What is asked for.', 'openid email profile').optional(),
  allowedDomains: names('Mail domains that may sign in.', 'example.com', 'domains'),
  allowedOrganizations: names(
    'Organizations that may sign in (github, generic_oauth), or tenants by their id (azuread).',
    'acme',
    'names',
  ),
  signUp: flag(
    'Whether somebody whom the provider knows gets a user here at the first visit. Where everybody may have an account (github.com, gitlab.com, Google, all tenants of Microsoft) it wants `allowedDomains` or `allowedOrganizations`; of Microsoft, the latter.',
  ).default(false),
});

export const grafanaSettings = z.strictObject({
  ...service('512MiB'),
  ...published(3000),
  rootUrl: url(
    'The address people type; links that Grafana makes begin with it. Default: the published address.',
    'https://grafana.example.com',
  ).optional(),
  adminUser: name(
    'The name of the administrator. First start only: Grafana keeps that name, and a later change is refused with the line that takes it back.',
    'admin',
  ).default('admin'),
  adminPassword: secretName(
    "The administrator's password, at least 20 characters; generated when not given.",
    'grafanaAdminPassword',
  ).optional(),
  editableDashboards: flag('Whether dashboards that Taffrail brought may be edited in the browser.').default(
    false,
  ),
  home: text(
    `The uid of the dashboard shown first: one of the folder \`extra\`. Default: \`${stackDashboardUid}\`, Taffrail's own.`,
    stackDashboardUid,
  ).optional(),
  users: list(
    user,
    'Further users. One who is taken out here is deleted; one whom somebody else made in Grafana is not taken over.',
  ),
  oauth: oauth.optional().meta({ description: 'One OAuth provider.' }),
});

export type GrafanaSettings = z.output<typeof grafanaSettings>;
