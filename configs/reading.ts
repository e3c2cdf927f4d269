// Values of unknown shape, such as parsed JSON, read one step at a time. What is missing or of another type reads as empty.

export type Fields = Readonly<Record<string, unknown>>;

/** An object's fields; none when the value is no object. */
export const fields = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const text = (value: unknown): string => (typeof value === 'string' ? value : '');
