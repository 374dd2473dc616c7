import type {Config} from '../config/schema.js';
import type {Finding} from '../platforms/platform.js';

/**
 * Would a rebuild into an empty project find its way? An address that Railway generated dies with the project, and then
 * the frontend can only learn the new one by variables that the file names. Told while there is time to say so.
 */
export function rebuildFindings({frontend, backend, backup}: Config): Finding[] {
  if (!frontend || !backend || !backup || !/\.up\.railway\.app$/.test(new URL(backend.url).hostname)) return [];
  const names = Object.keys(frontend['backend-variables'] ?? {});
  const base = {area: 'backup', check: 'rebuild'};
  if (names.length) return [{...base, state: 'ok', found: `a new address would go to ${names.join(', ')}`}];
  return [
    {
      ...base,
      state: 'warning',
      found: `${new URL(backend.url).hostname} dies with its Railway project, and nothing says how the frontend would learn another address`,
      remedy:
        "Name the variables of the Vercel project that hold it under `frontend.backend-variables`, such as `NEXT_PUBLIC_API_URL: '{url}'`, or give the backend a domain of its own",
    },
  ];
}
