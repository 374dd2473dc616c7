import {isSamePlace} from './same-place.js';
import type {CheckConfig, Config, StorageConfig} from './schema.js';

interface Contradiction {
  readonly path: ReadonlyArray<string | number>;
  readonly what: string;
  readonly remedy: string;
}

/** What the schema cannot say: keys that do not fit each other. All are reported, none is guessed around. */
export function contradictions(config: Config): Contradiction[] {
  return [
    ...components(config),
    ...checks(config),
    ...gate(config),
    ...backup(config),
    ...monitor(config),
    ...alerts(config),
  ];
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

function backup({backup: settings}: Config): Contradiction[] {
  if (!settings) return [];
  const found = [...storeOf('storage', settings.storage), ...(settings.also ? storeOf('also', settings.also) : [])];
  if (settings.also && isSamePlace(settings.storage, settings.also))
    found.push({
      path: ['backup', 'also'],
      what: 'is the very place that `storage` names, so that nothing would be kept twice',
      remedy: 'Name a store with another provider, or remove it',
    });
  const {recipients, 'passphrase-env': passphrase} = settings;
  if (!recipients && !passphrase)
    found.push({
      path: ['backup'],
      what: 'names nobody who could open a set',
      remedy: 'Add `backup.recipients` with public keys, or `backup.passphrase-env`',
    });
  if (recipients && passphrase)
    found.push({
      path: ['backup', 'passphrase-env'],
      what: 'is given beside `recipients`, and a set is encrypted in one way',
      remedy: 'Keep the public keys; with them the runner cannot read what it stores',
    });
  return found;
}

/** What one store lacks, or asks for and cannot have. */
function storeOf(key: 'storage' | 'also', storage: StorageConfig): Contradiction[] {
  const needed = {s3: 'bucket', local: 'folder', rclone: 'remote'}[storage.type] as 'bucket' | 'folder' | 'remote';
  const found: Contradiction[] = [];
  const add = (path: readonly string[], what: string, remedy: string) =>
    found.push({path: ['backup', key, ...path], what, remedy});
  if (!storage[needed])
    add([], `is of type ${storage.type} and lacks \`${needed}\``, `Add \`backup.${key}.${needed}\``);
  for (const name of ['lock', 'encryption'] as const)
    if (storage[name] !== undefined && storage.type !== 's3')
      add([name], `is something only S3 stores do, and the type is ${storage.type}`, 'Remove it');
  if (storage['kms-key'] && storage.encryption !== 'aws:kms')
    add(['kms-key'], 'is given, but the encryption is not aws:kms', `Set \`backup.${key}.encryption: aws:kms\``);
  return found;
}

function monitor({monitor: settings, backup: sets}: Config): Contradiction[] {
  const found: Contradiction[] = [];
  const add = (path: ReadonlyArray<string | number>, what: string, remedy: string) =>
    found.push({path: ['monitor', ...path], what, remedy});
  if (settings.objective >= 1)
    add(['objective'], '(100%) leaves no error budget', 'Choose less than 100%, such as 99.9%');
  if (settings.interval < 10_000) add(['interval'], 'is shorter than 10 s', 'Choose 10s or more; 1m or 5m is usual');
  if (settings['after-release'].every < 5_000)
    add(['after-release', 'every'], 'is shorter than 5 s', 'Choose 5s or more; 20s is usual');
  if (settings['after-release'].for > 3_600_000)
    add(['after-release', 'for'], 'is longer than an hour', 'Choose less, such as 10m');
  if (settings['max-blind'] < settings.interval)
    add(['max-blind'], 'is shorter than the interval', 'Choose several intervals, such as 2h');
  if (settings['keep-minutes'] < settings['keep-rounds'])
    add(['keep-minutes'], 'is shorter than keep-rounds', 'Keep the coarser spans the longer');
  if (settings['keep-hours'] < settings['keep-minutes'])
    add(['keep-hours'], 'is shorter than keep-minutes', 'Keep the coarser spans the longer');
  if (settings.history.type === 'bucket' && !sets)
    add(
      ['history', 'type'],
      'is bucket, but no bucket is described',
      'Add `backup.storage`, or choose branch or folder',
    );
  settings.mutes.forEach(({from, until}, i) => {
    if (Date.parse(from) >= Date.parse(until)) add(['mutes', i, 'until'], 'is not after `from`', 'Swap the two');
  });
  return found;
}

function alerts({alerts: settings}: Config): Contradiction[] {
  const names = Object.keys(settings?.channels ?? {});
  return (settings?.routes ?? []).flatMap((route, i): Contradiction[] => {
    const path = ['alerts', 'routes', i];
    const wrong: Contradiction[] = [];
    if (!names.includes(route.channel))
      wrong.push({
        path: [...path, 'channel'],
        what: `names ${route.channel}, which is no channel`,
        remedy: names.length ? `Choose one of ${names.join(', ')}` : 'Describe it under `alerts.channels`',
      });
    if (route.quiet && !isTimeZone(route.quiet.timezone))
      wrong.push({
        path: [...path, 'quiet', 'timezone'],
        what: `${route.quiet.timezone} is no time zone`,
        remedy: 'Write a name such as Europe/Berlin',
      });
    return wrong;
  });
}

function isTimeZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat('en', {timeZone: name}));
  } catch {
    return false;
  }
}
