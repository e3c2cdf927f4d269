import { dashboardUid, extraDashboards } from '../extra.ts';
import type { Files } from '../files.ts';
import { type Mistake, nearest } from '../mistakes.ts';
import { both, remove, set, written } from '../whatToType.ts';
import { stackDashboardUid } from './dashboards/stack.ts';
import type { GrafanaSettings } from './settings.ts';

type OAuth = NonNullable<GrafanaSettings['oauth']>;
type Address = 'authUrl' | 'tokenUrl' | 'apiUrl';

const at = ['grafana', 'oauth'];
const generic = 'https://id.example.com';
/** A tenant by a domain of it. */
const microsoft = 'https://login.microsoftonline.com/example.onmicrosoft.com/oauth2/v2.0';

/**
 * Where Grafana has no default for an address, with an example; and which keys its section of a provider has not.
 * Grafana ignores those in silence: whom one was to leave out gets in.
 */
const providers: Record<
  OAuth['provider'],
  { needs: Partial<Record<Address, string>>; lacks: ('apiUrl' | 'allowedOrganizations')[] }
> = {
  github: { needs: {}, lacks: [] },
  google: { needs: {}, lacks: ['allowedOrganizations'] },
  gitlab: { needs: {}, lacks: ['allowedOrganizations'] },
  azuread: {
    needs: { authUrl: `${microsoft}/authorize`, tokenUrl: `${microsoft}/token` },
    lacks: ['apiUrl'],
  },
  generic_oauth: {
    needs: { authUrl: `${generic}/authorize`, tokenUrl: `${generic}/token`, apiUrl: `${generic}/userinfo` },
    lacks: [],
  },
};

/** Where Grafana sends users of a provider that is told no address. */
const usualAddress: Partial<Record<OAuth['provider'], string>> = {
  github: 'https://github.com/',
  google: 'https://accounts.google.com/',
  gitlab: 'https://gitlab.com/',
};
/** Whose accounts everybody may have; a company's own GitLab, tenant or identity provider knows its own people only. */
const forEverybody =
  /^https?:\/\/((www\.)?(github|gitlab)\.com|accounts\.google\.com|login\.microsoftonline\.com(:\d+)?\/(common|organizations|consumers))(:\d+)?(\/|$)/i;

/** An OAuth provider that cannot work, or that lets in whom nobody meant. */
export function oauthMistakes(oauth: OAuth | undefined): Mistake[] {
  if (oauth === undefined) return [];
  const { provider, allowedDomains, allowedOrganizations, apiUrl, signUp } = oauth;
  const { needs, lacks } = providers[provider];
  const mistake = (key: keyof OAuth, given: string, wanted: string, type: string) => ({
    path: written([...at, key]),
    given,
    wanted,
    type,
  });
  const missing = (Object.entries(needs) as [Address, string][])
    .filter(([key]) => oauth[key] === undefined)
    .map(([key, example]) =>
      mistake(key, 'nothing', `the address, which ${provider} cannot know`, set([...at, key], example)),
    );
  const domain = set([...at, 'allowedDomains', 0], 'example.com');
  const found: Mistake[] = [];
  if (apiUrl !== undefined && lacks.includes('apiUrl')) {
    found.push(
      mistake(
        'apiUrl',
        'an address',
        `no address: ${provider} has none, and its token tells who it is`,
        remove([...at, 'apiUrl']),
      ),
    );
  }
  if (allowedOrganizations.length > 0 && lacks.includes('allowedOrganizations')) {
    const gone = remove([...at, 'allowedOrganizations']);
    found.push(
      mistake(
        'allowedOrganizations',
        allowedOrganizations.join(', '),
        `allowedDomains, which ${provider} has: Grafana ignores organizations there, and leaves nobody out`,
        allowedDomains.length > 0 ? gone : both(gone, domain),
      ),
    );
  }
  const open = forEverybody.test(oauth.authUrl ?? usualAddress[provider] ?? '');
  const { keys, words, line } = lacks.includes('allowedOrganizations')
    ? // Organizations are a mistake of their own, whose line mends this one.
      {
        keys: [allowedDomains, allowedOrganizations],
        words: 'allowedDomains, which leaves others out',
        line: domain,
      }
    : provider === 'azuread'
      ? {
          keys: [allowedOrganizations],
          words:
            'allowedOrganizations, your tenant by its id: any tenant may claim an address of your domain',
          line: set([...at, 'allowedOrganizations', 0], '8bab1c86-8fba-33e5-2089-1d1c80ec267d'),
        }
      : /^https?:\/\/login\.microsoftonline\.com/i.test(oauth.authUrl ?? '')
        ? {
            keys: [],
            words: 'an authUrl with your tenant: any tenant may claim an address of your domain',
            line: set([...at, 'authUrl'], `${microsoft}/authorize`),
          }
        : {
            keys: [allowedDomains, allowedOrganizations],
            words: 'allowedOrganizations or allowedDomains, which leave others out',
            line: provider === 'github' ? set([...at, 'allowedOrganizations', 0], 'acme') : domain,
          };
  // Whoever makes an account there would see every log line.
  if (signUp && open && keys.flat().length === 0) {
    found.push(mistake('signUp', 'true, where everybody may have an account', words, line));
  }
  return [...missing, ...found];
}

/** Grafana finds a user by login or address, in any case: no two may share either, nor have the administrator's. */
export function userMistakes({ users, adminUser }: GrafanaSettings): Mistake[] {
  const namesOf = ({ login, email = login }: (typeof users)[number]) =>
    [login, email].map((name) => name.toLowerCase());
  const all = new Set([adminUser, ...users.flatMap(namesOf)]);
  return users.flatMap((user, index) => {
    const earlier = users.slice(0, index).flatMap(namesOf);
    return (['login', 'email'] as const).flatMap((key): Mistake[] => {
      const given = user[key];
      const name = given?.toLowerCase();
      if (given === undefined || name === undefined) return [];
      if (name !== adminUser && !earlier.includes(name)) return [];
      const path = ['grafana', 'users', index, key];
      const taken = name === adminUser ? 'grafana.adminUser has it' : 'an earlier user has it';
      let number = 2;
      while (all.has(`${name}${String(number)}`)) number++;
      all.add(`${name}${String(number)}`);
      return [
        {
          path: written(path),
          given,
          wanted: `another ${key === 'login' ? 'name' : 'address'}: ${taken}`,
          type: key === 'login' ? set(path, `${given}${String(number)}`, true) : remove(path),
        },
      ];
    });
  });
}

/** A first dashboard that is not there. `files` are those of the folder `extra`. */
export function homeMistakes(home: string | undefined, files: Files): Mistake[] {
  if (home === undefined) return [];
  const own = Object.values(extraDashboards(files)).map(uidOf);
  const known = [stackDashboardUid, ...own.filter((uid) => uid !== undefined)];
  // A broken file may be the one that is meant; it is told of by itself.
  if (known.includes(home) || own.includes(undefined)) return [];
  return [
    {
      path: 'grafana.home',
      given: home,
      wanted: `the uid of a dashboard that is there: ${known.join(', ')}`,
      type: set(['grafana', 'home'], nearest(home, known) ?? stackDashboardUid, true),
    },
  ];
}

function uidOf(content: string): string | undefined {
  try {
    return dashboardUid(content);
  } catch {
    return undefined;
  }
}
