import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

interface Answer<T> {
  data?: T;
  errors?: { message: string }[];
}

/** A signed-in browser, as far as the API goes: keeps its cookie. */
export class CloudBeaverClient {
  readonly #url: string;
  #cookie = '';

  constructor(base: string) {
    this.#url = `${base}/api/gql`;
  }

  async ask<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
    const { data, errors } = await this.tryAsk<T>(query, variables);
    if (errors?.length || !data)
      throw new Error(`CloudBeaver: ${errors?.map(({ message }) => message).join('; ') ?? 'no data'}`);
    return data;
  }

  async tryAsk<T>(query: string, variables: Record<string, unknown> = {}): Promise<Answer<T>> {
    const response = await fetch(this.#url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie: this.#cookie },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(20_000),
    });
    const [set] = response.headers.getSetCookie().filter((cookie) => cookie.startsWith('cb-session-id'));
    if (set) this.#cookie = set.split(';')[0] ?? '';
    return (await response.json()) as Answer<T>;
  }

  /** The password goes over the wire as its MD5 in upper case, as the browser does it. */
  login(user: string, password: string) {
    const hash = createHash('md5').update(password).digest('hex').toUpperCase();
    return this.tryAsk<{ authInfo: { userId?: string; userTokens?: { userId: string }[] } }>(
      'query($c: Object!) { authInfo: authLogin(provider: "local", credentials: $c) { userTokens { userId } } }',
      { c: { user, password: hash } },
    );
  }

  connections() {
    return this.ask<{ userConnections: { id: string; name: string; projectId?: string }[] }>(
      'query { userConnections { id name projectId } }',
    ).then(({ userConnections }) => userConnections);
  }

  /** Connects; the place where browsing begins. */
  async open(id: string, projectId?: string): Promise<string> {
    const { initConnection } = await this.ask<{ initConnection: { nodePath: string } }>(
      'mutation($id: ID!, $projectId: ID) { initConnection(id: $id, projectId: $projectId) { id connected nodePath } }',
      { id, projectId },
    );
    return initConnection.nodePath;
  }

  async children(parentPath: string): Promise<{ id: string; name: string }[]> {
    const { navNodeChildren } = await this.ask<{ navNodeChildren: { id: string; name?: string }[] }>(
      'query($p: ID!) { navNodeChildren(parentPath: $p) { id name } }',
      { p: parentPath },
    );
    return navNodeChildren.map(({ id, name = '' }) => ({ id, name }));
  }

  /** Walks the navigator down until a node of that name is found; the tree's shape is the version's own. */
  async find(from: string, name: string, depth = 7): Promise<string | undefined> {
    for (const child of await this.children(from)) {
      if (child.name === name) return child.id;
      const below = depth > 0 ? await this.find(child.id, name, depth - 1).catch(() => undefined) : undefined;
      if (below !== undefined) return below;
    }
    return undefined;
  }

  /** Runs a statement and gives its rows. */
  async query(connectionId: string, sql: string, projectId?: string): Promise<unknown[][]> {
    const { sqlContextCreate: context } = await this.ask<{ sqlContextCreate: { id: string } }>(
      'mutation($c: ID!, $p: ID) { sqlContextCreate(connectionId: $c, projectId: $p) { id } }',
      { c: connectionId, p: projectId },
    );
    const { asyncSqlExecuteQuery: task } = await this.ask<{ asyncSqlExecuteQuery: { id: string } }>(
      'mutation($c: ID!, $x: ID!, $s: String!, $p: ID) { asyncSqlExecuteQuery(connectionId: $c, contextId: $x, sql: $s, projectId: $p) { id } }',
      { c: connectionId, x: context.id, s: sql, p: projectId },
    );
    for (let tries = 0; tries < 100; tries++) {
      const { asyncTaskInfo } = await this.ask<{
        asyncTaskInfo: { running: boolean; error?: { message: string } };
      }>(
        'mutation($i: String!) { asyncTaskInfo(id: $i, removeOnFinish: false) { id running error { message } } }',
        { i: task.id },
      );
      if (asyncTaskInfo.error) throw new Error(asyncTaskInfo.error.message);
      if (!asyncTaskInfo.running) break;
      await sleep(100);
    }
    const { asyncSqlExecuteResults } = await this.ask<{
      asyncSqlExecuteResults: {
        results: { resultSet?: { rows?: unknown[][]; rowsWithMetaData?: { data: unknown[] }[] } }[];
      };
    }>(
      'mutation($t: ID!) { asyncSqlExecuteResults(taskId: $t) { results { resultSet { rowsWithMetaData { data } } } } }',
      { t: task.id },
    );
    const set = asyncSqlExecuteResults.results[0]?.resultSet;
    return set?.rowsWithMetaData?.map(({ data }) => data) ?? set?.rows ?? [];
  }
}
