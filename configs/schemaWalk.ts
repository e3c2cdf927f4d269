import type { z } from 'zod';
import type { About } from './schema.ts';

/** What the schema says of one place: its words, its default, and what is in it. */
export interface Place {
  about: About | undefined;
  /** The default as a person would write it; undefined when there is none. */
  default: unknown;
  optional: boolean;
  /** The fields of an object; of a union, those of all its objects. */
  shape: Record<string, z.ZodType> | undefined;
  /** What a list or record holds. */
  element: z.ZodType | undefined;
  type: string;
  /** The words of an enumeration. */
  options: readonly string[] | undefined;
}

interface Def {
  type: string;
  innerType?: z.ZodType;
  in?: z.ZodType;
  element?: z.ZodType;
  valueType?: z.ZodType;
  shape?: Record<string, z.ZodType>;
  options?: readonly z.ZodType[];
  entries?: Record<string, string>;
  defaultValue?: unknown;
}

/** One place, looked at through its optional, default and transform wrappers. */
export function placeOf(schema: z.ZodType): Place {
  const place: Place = {
    about: undefined,
    default: undefined,
    optional: false,
    shape: undefined,
    element: undefined,
    type: '',
    options: undefined,
  };
  let at: z.ZodType | undefined = schema;
  while (at !== undefined) {
    const def = at.def as unknown as Def;
    place.about ??= at.meta() as About | undefined;
    if (def.type === 'default' || def.type === 'prefault') place.default ??= def.defaultValue;
    if (def.type === 'optional') place.optional = true;
    const parts = (def.options ?? []).map(placeOf);
    const shapes = parts.flatMap(({ shape }) => (shape === undefined ? [] : [shape]));
    place.type = def.type;
    place.shape =
      def.shape ??
      (shapes.length > 0 ? (Object.assign({}, ...shapes) as Record<string, z.ZodType>) : undefined);
    place.element =
      def.element ?? def.valueType ?? parts.find(({ element }) => element !== undefined)?.element;
    place.options = def.entries === undefined ? undefined : Object.values(def.entries);
    at = def.innerType ?? def.in;
  }
  return place;
}

/** The place at a path; list and record entries by any key. Undefined when the schema has none there. */
export function schemaAt(schema: z.ZodType, path: readonly PropertyKey[]): Place | undefined {
  let place = placeOf(schema);
  for (const key of path) {
    const next = place.shape?.[String(key)] ?? place.element;
    if (next === undefined) return undefined;
    place = placeOf(next);
  }
  return place;
}

/** One setting of the schema, as a person writes it: `prometheus.scrapeJobs[0].name`, `apps.<name>.image`. */
export interface Leaf {
  path: string[];
  place: Place;
  schema: z.ZodType;
}

/** Every setting that holds a value of its own, in the schema's order. List entries are `[0]`, record entries `<name>`. */
export function leavesOf(schema: z.ZodType, path: string[] = []): Leaf[] {
  const place = placeOf(schema);
  const inner = (child: z.ZodType, key: string) => leavesOf(child, [...path, key]);
  if (place.type === 'union' && place.element !== undefined && place.shape === undefined)
    return [{ path, place, schema }];
  if (place.shape !== undefined) {
    const fields = Object.entries(place.shape).flatMap(([key, child]) => inner(child, key));
    // A structure that may be left out is a setting of its own.
    return place.optional ? [{ path, place, schema }, ...fields] : fields;
  }
  if (place.element === undefined) return [{ path, place, schema }];
  const key = place.type === 'record' ? '<name>' : '[0]';
  // A list of plain values is told in one line.
  const structured = placeOf(place.element).shape !== undefined;
  return structured ? [{ path, place, schema }, ...inner(place.element, key)] : [{ path, place, schema }];
}
