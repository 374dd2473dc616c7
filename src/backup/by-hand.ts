import type {ManifestPart} from './manifest.js';

/** How stock programs open a part: shown in the manifest, in summaries and in failures, for the day this software is not there. */
export function openByHand(
  location: string,
  prefix: string,
  part: Pick<ManifestPart, 'key' | 'format' | 'compression' | 'role'>,
): string {
  const fetch = fetchCommand(location, `${prefix}${part.key}`);
  const unpack =
    part.compression.where === 'stream' ? (part.compression.method === 'zstd' ? ' | zstd -dc' : ' | gzip -dc') : '';
  return `${fetch} | gpg --decrypt${unpack}${consumer(part)}`;
}

function consumer({format, role}: Pick<ManifestPart, 'format' | 'role'>): string {
  if (format === 'pgdump-custom')
    return ' | pg_restore --exit-on-error --no-owner --no-privileges --dbname="$TARGET_DATABASE_URL"';
  if (format === 'sql') return ' | psql --set ON_ERROR_STOP=1 "$TARGET_DATABASE_URL"';
  if (format === 'tar') return ' | tar --extract --directory ./restored';
  return role === 'configuration' ? ' > configuration.json' : ' > details.json';
}

function fetchCommand(location: string, key: string): string {
  if (location.startsWith('s3://')) return `aws s3 cp '${location}/${key}' -`;
  if (location.startsWith('/')) return `cat '${location}/${key}'`;
  return `rclone cat '${location}/${key}'`;
}
