/** A copy of an object without the fields that are `undefined`, so that a spread over another object keeps the fields of that object. */
export function withoutUndefined<T extends object>(fields: T): T {
  const result: Partial<T> = {};
  for (const key of Object.keys(fields) as (keyof T)[]) {
    if (fields[key] !== undefined) {
      result[key] = fields[key];
    }
  }
  return result as T;
}
