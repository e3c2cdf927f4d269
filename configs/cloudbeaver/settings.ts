import { z } from 'zod';
import { name, published, secretName, service, text } from '../schema.ts';

export const cloudbeaverSettings = z.strictObject({
  ...service('1GiB'),
  ...published(8978),
  serverName: text('The name shown in the window.', 'Taffrail').default('Taffrail'),
  adminName: name(
    'The name of the administrator, which counts at the first start only. Not `admin`: CloudBeaver has a team of that name.',
    'cbadmin',
  ).default('cbadmin'),
  adminPassword: secretName(
    "The administrator's password, at least 20 characters; generated when not given.",
    'cloudbeaverAdminPassword',
  ).optional(),
});

export type CloudbeaverSettings = z.output<typeof cloudbeaverSettings>;
