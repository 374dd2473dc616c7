import type {CheckConfig, Config} from './schema.js';

interface Contradiction {
  readonly path: ReadonlyArray<string | number>;
  readonly what: string;
  readonly remedy: string;
}

/** What the schema cannot say: keys that do not fit each other. All are reported, none is guessed around. */
export function contradictions(config: Config): Contradiction[] {
  return [...components(config), ...checks(config), ...gate(config), ...backup(config)];
}

function components(config: Config): Contradiction[] {
  const found: Contradiction[] = [];
  if (!config.frontend && !config.backend && !config.database)
    found.push({path: [], what: 'describes no component', remedy: 'Add `frontend`, `backend` or `database`'});
  if (config.backend?.source === 'image' && !config.backend.image)
    found.push({
      path: ['backend', 'source'],
      what: 'is image, but no image is named',
      remedy: 'Add `backend.image`, such as ghcr.io/acme/api:{commit}',
    });
  if (config.backend?.source !== 'image' && config.backend?.image)
    found.push({
      path: ['backend', 'image'],
      what: 'is given, but the source is not image',
      remedy: 'Set `backend.source: image` or remove it',
    });
  if (config.frontend?.prebuilt && config.frontend.path === '')
    found.push({path: ['frontend', 'prebuilt'], what: 'needs a folder', remedy: 'Set `frontend.path`'});
  return found;
}

function checks(config: Config): Contradiction[] {
  const found: Contradiction[] = [];
  const seen = new Map<string, number>();
  config.checks.forEach((check, index) => {
    const path = ['checks', index];
    const first = seen.get(check.name);
    if (first !== undefined)
      found.push({
        path: [...path, 'name'],
        what: `"${check.name}" is the name of check ${first + 1} already`,
        remedy: 'Give each check its own name',
      });
    seen.set(check.name, first ?? index);
    if (check.target !== 'database' && !check.url && !config[check.target] && check.kind === 'http')
      found.push({
        path: [...path, 'target'],
        what: `is ${check.target}, which this file does not describe`,
        remedy: `Add \`${check.target}\`, or give the check a \`url\``,
      });
    found.push(
      ...kindNeeds(check).map((need) => ({
        path,
        what: `"${check.name}" is of kind ${check.kind} and lacks \`${need}\``,
        remedy: `Add \`${need}\``,
      })),
    );
  });
  return found;
}

function kindNeeds(check: CheckConfig): string[] {
  const needs: Partial<Record<CheckConfig['kind'], Array<keyof CheckConfig>>> = {
    cors: ['origin'],
    tenant: ['foreign-auth', 'auth'],
    sequence: ['steps'],
    tcp: ['port'],
  };
  return (needs[check.kind] ?? []).filter((key) => check[key] === undefined);
}

function gate({gate}: Config): Contradiction[] {
  const found: Contradiction[] = [];
  const max = gate['max-error-rate'] ?? 0.01;
  const unhealthy = gate['unhealthy-error-rate'] ?? 5 * max;
  if (unhealthy <= max)
    found.push({
      path: ['gate', 'unhealthy-error-rate'],
      what: `(${unhealthy * 100}%) is not above max-error-rate (${max * 100}%)`,
      remedy: 'Leave a gap; five times the maximum is usual',
    });
  if (
    gate['min-duration'] !== undefined &&
    gate['max-duration'] !== undefined &&
    gate['min-duration'] > gate['max-duration']
  )
    found.push({
      path: ['gate', 'min-duration'],
      what: 'is longer than max-duration',
      remedy: 'Make `max-duration` the longer one',
    });
  return found;
}

function backup(config: Config): Contradiction[] {
  const storage = config.backup?.storage;
  if (!storage) return [];
  const needed = {s3: 'bucket', local: 'folder', rclone: 'remote'}[storage.type] as 'bucket' | 'folder' | 'remote';
  return storage[needed]
    ? []
    : [
        {
          path: ['backup', 'storage'],
          what: `is of type ${storage.type} and lacks \`${needed}\``,
          remedy: `Add \`backup.storage.${needed}\``,
        },
      ];
}
