import {join} from 'node:path';
import type {StorageConfig} from './schema.js';

/** True when two described stores are one: what is kept in both would be kept once. */
export function isSamePlace(one: StorageConfig, other: StorageConfig): boolean {
  return placeOf(one) === placeOf(other);
}

function placeOf(storage: StorageConfig): string {
  const {type, prefix} = storage;
  if (type === 'local') return `local ${join('/', storage.folder ?? '.', prefix, '.')}`;
  if (type === 'rclone') return `rclone ${trimmed(`${storage.remote}/${prefix}`)}`;
  // A bucket's name is one in all of AWS, whichever of its addresses is named.
  const host = storeHost(storage)!.replace(/^.*\.?amazonaws\.com$/, 'aws');
  return `s3 ${host} ${storage.bucket} ${trimmed(prefix)}`;
}

function trimmed(path: string): string {
  return path.split('/').filter(Boolean).join('/');
}

/** Host, with its port, that a bucket is reached at; undefined for a folder or an rclone remote. */
export function storeHost({type, endpoint}: StorageConfig): string | undefined {
  if (type !== 's3') return undefined;
  return endpoint === undefined ? 's3.amazonaws.com' : new URL(endpoint).host;
}
