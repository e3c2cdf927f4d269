import { fields, list } from '../reading.ts';
import { ApplyError, type Running } from '../running.ts';
import { npmRun } from '../whatToType.ts';
import type { ExpectedDashboard } from './expected.ts';

/** What Taffrail brought to Grafana, so that it can tell it from what people made, and remove it. */
export interface GrafanaNote {
  /** The administrator's name, which is set at Grafana's first start only. */
  admin: string;
  /** By uid. */
  datasources: string[];
  /** The revision that was last read back; 0 before that. */
  dashboards: ExpectedDashboard[];
  /** By id: a user may change login and name. */
  users: number[];
  /** The login of the user that is being created. Whoever has it in the next run was created by the one that was killed. */
  making?: string;
}

const empty: GrafanaNote = { admin: '', datasources: [], dashboards: [], users: [] };

/** The note, with each change written before the next step. */
export class Notebook {
  readonly #program: Pick<Running, 'remember'>;
  #note: GrafanaNote;

  private constructor(program: Pick<Running, 'remember'>, note: GrafanaNote) {
    this.#program = program;
    this.#note = note;
  }

  /**
   * @throws ApplyError when the note is damaged. It is then replaced by an empty one, so this error appears once:
   * without it, a user whom the settings had dropped would silently keep access.
   */
  static async open(program: Pick<Running, 'recall' | 'remember'>, stack: string): Promise<Notebook> {
    const recalled = await program.recall();
    if (recalled === undefined) return new Notebook(program, empty);
    const note = read(recalled);
    if (typeof note !== 'string') return new Notebook(program, note);
    await program.remember(empty);
    throw new ApplyError(
      `The note on Grafana's volume that says which users Taffrail created is damaged (${note}). It has been replaced by an empty one.
In Grafana (Administration > Users), delete the users that Taffrail created; those in grafana.users are created again.
Then run: ${npmRun('up', stack)}`,
      'unknown',
    );
  }

  get note(): Readonly<GrafanaNote> {
    return this.#note;
  }

  /** Writes the note, unless nothing changes. A key given as undefined goes. */
  async write(change: { [key in keyof GrafanaNote]?: GrafanaNote[key] | undefined }): Promise<void> {
    const next = { ...this.#note, ...change } as GrafanaNote;
    if (next.making === undefined) delete next.making;
    if (JSON.stringify(next) === JSON.stringify(this.#note)) return;
    await this.#program.remember(next);
    this.#note = next;
  }
}

/** The note, or what is wrong with it. */
function read(recalled: unknown): GrafanaNote | string {
  const { admin, datasources, dashboards, users, making } = fields(recalled);
  if (typeof admin !== 'string') return 'admin is not a text';
  if (!Array.isArray(datasources) || !datasources.every((uid) => typeof uid === 'string'))
    return 'datasources is not a list of texts';
  if (!Array.isArray(users) || !users.every((id) => Number.isInteger(id)))
    return 'users is not a list of whole numbers';
  const known = list(dashboards).flatMap(dashboard);
  if (!Array.isArray(dashboards) || known.length < dashboards.length)
    return 'dashboards is not a list of uid, revision and by';
  if (making !== undefined && typeof making !== 'string') return 'making is not a text';
  return {
    ...{ admin, datasources, dashboards: known, users: users as number[] },
    ...(making !== undefined && { making }),
  };
}

function dashboard(value: unknown): ExpectedDashboard[] {
  const { uid, revision, by } = fields(value);
  if (typeof uid !== 'string' || typeof revision !== 'number') return [];
  return by === 'editable' || by === 'read-only' ? [{ uid, revision, by }] : [];
}
