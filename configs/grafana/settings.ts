import { z } from 'zod';
import { flag, list, name, published, secretName, service, text, url } from '../schema.ts';

const user = z.strictObject({
  login: text('The name to log in with.', 'anna'),
  email: z.email().optional().meta({
    description: 'The address of the user.',
    example: 'anna@example.com',
    wanted: 'an e-mail address',
  }),
  role: z
    .enum(['Viewer', 'Editor', 'Admin'])
    .default('Viewer')
    .meta({ description: 'What the user may do.', example: 'Viewer' }),
  password: secretName('The password.', 'annaPassword'),
});

const oauth = z.strictObject({
  provider: z
    .enum(['github', 'google', 'gitlab', 'azuread', 'generic_oauth'])
    .meta({ description: 'Who vouches for users.', example: 'github' }),
  clientId: text('The identifier the provider gave.', 'Iv1.8f2c1f0e7d6b5a49'),
  clientSecret: secretName('The secret the provider gave.', 'githubClientSecret'),
  authUrl: url('Where users are sent (generic_oauth).', 'https://id.example.com/authorize').optional(),
  tokenUrl: url('Where the token is fetched (generic_oauth).', 'https://id.example.com/token').optional(),
  apiUrl: url('Where the user is looked up (generic_oauth).', 'https://id.example.com/userinfo').optional(),
  scopes: text('What is asked for.', 'openid email profile').optional(),
  allowedDomains: list(
    z.string().min(1),
    'Mail domains that may sign in.',
    'example.com',
    'a list of domains',
  ),
  allowedOrganizations: list(
    z.string().min(1),
    'Organizations that may sign in (github).',
    'acme',
    'a list of names',
  ),
  signUp: flag('Whether somebody whom the provider knows gets a user here at the first visit.').default(
    false,
  ),
});

export const grafanaSettings = z.strictObject({
  ...service('256MiB'),
  ...published(3000),
  rootUrl: url(
    'The address people type; every link in a message begins with it. Default: the published address.',
    'https://grafana.example.com',
  ).optional(),
  adminUser: name('The name of the administrator.', 'admin').default('admin'),
  adminPassword: secretName(
    "The administrator's password, at least 20 characters; generated when not given.",
    'grafanaAdminPassword',
  ).optional(),
  editableDashboards: flag('Whether dashboards that Taffrail brought may be edited in the browser.').default(
    false,
  ),
  home: text('The uid of the dashboard shown first.', 'taffrail-home').optional(),
  users: list(user, 'Further users. One who is taken out here is deleted.'),
  oauth: oauth.optional().meta({ description: 'One OAuth provider.' }),
});

export type GrafanaSettings = z.output<typeof grafanaSettings>;
