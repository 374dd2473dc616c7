import {Failure} from '../kernel/errors.js';

/** Whose sets they are: retention and restore never look past one series. */
export interface Series {
  /** Lower-case letters, digits and dashes. */
  readonly project: string;
  readonly environment: string;
}

/** `20261122T184501Z-9f2c41aa`: sorts by time; the random part because two runs can share a second. */
export type SetId = string;

const idPattern = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z-[0-9a-f]{8}$/;
const namePattern = /^[a-z0-9][a-z0-9-]{0,40}$/;

/** Files of a set with a meaning of their own; everything else is a part. */
export const manifestName = 'manifest.json';
export const signatureName = 'manifest.json.asc';

/** `v1/<project>/<environment>/`: what all keys of a series start with. */
export function seriesPrefix({project, environment}: Series): string {
  for (const [what, name] of Object.entries({project, environment})) {
    if (!namePattern.test(name))
      throw new Failure('SET_NAME', `The ${what} ${JSON.stringify(name)} cannot be part of a key`, {
        remedy: 'Use lower-case letters, digits and dashes, at most 41 characters.',
      });
  }
  return `v1/${project}/${environment}/`;
}

export function setPrefix(series: Series, id: SetId): string {
  if (!idPattern.test(id))
    throw new Failure('SET_NAME', `${JSON.stringify(id.slice(0, 60))} is not the id of a set`, {
      remedy: 'Use an id as the backup printed it, such as 20261122T184501Z-9f2c41aa.',
    });
  return `${seriesPrefix(series)}${id}/`;
}

export function newSetId(nowMs: number, randomHex: string): SetId {
  const stamp = new Date(nowMs).toISOString().replace(/[-:]/g, '').replace(/\.\d+/, '');
  return `${stamp}-${randomHex.slice(0, 8)}`;
}

export function isSetId(text: string): boolean {
  return idPattern.test(text);
}

/** The moment in an id, in epoch milliseconds; the manifest's own times count wherever there is one. */
export function setIdTime(id: SetId): number {
  const match = idPattern.exec(id);
  if (!match) return Number.NaN;
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** Splits a key of a series into the set and the file in it; undefined for plans, foreign objects and names that no folder can hold. */
export function splitKey(series: Series, key: string): {readonly id: SetId; readonly name: string} | undefined {
  const prefix = seriesPrefix(series);
  if (!key.startsWith(prefix)) return undefined;
  const [id = '', ...name] = key.slice(prefix.length).split('/');
  return isSetId(id) && name.length === 1 && name[0] && !/^\.{1,2}$|[\\\p{Cc}]/u.test(name[0])
    ? {id, name: name[0]}
    : undefined;
}
