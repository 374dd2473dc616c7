/** Keys whose values are readings, not settings. */
const readings = new Set(['live', 'readAtMs', 'createdAtMs']);

/**
 * What differs between the configuration in a set and the one in force, by name only: values are secrets.
 * @returns lines such as `backend.settings.variables.API_KEY: changed`, sorted.
 */
export function configurationDifferences(stored: unknown, current: unknown): string[] {
  const before = leaves(stored);
  const now = leaves(current);
  const names = [...new Set([...before.keys(), ...now.keys()])].sort();
  return names.flatMap((name) => {
    if (!now.has(name)) return [`${name}: only in the set`];
    if (!before.has(name)) return [`${name}: only in force now`];
    return before.get(name) === now.get(name) ? [] : [`${name}: changed`];
  });
}

function leaves(value: unknown, path = ''): Map<string, string> {
  if (value === null || typeof value !== 'object')
    return new Map(value === undefined ? [] : [[path, JSON.stringify(value)]]);
  const entries = Object.entries(value).filter(([key]) => !readings.has(key));
  return new Map(entries.flatMap(([key, inner]) => [...leaves(inner, path ? `${path}.${labelOf(key, inner)}` : key)]));
}

/** Items of lists go by their own name where they have one, so that order does not count as change. */
function labelOf(key: string, inner: unknown): string {
  const named = inner as {name?: unknown; key?: unknown; domain?: unknown} | null;
  const name =
    /^\d+$/.test(key) && typeof inner === 'object' ? (named?.name ?? named?.key ?? named?.domain) : undefined;
  return typeof name === 'string' ? name : key;
}
