import {randomBytes} from 'node:crypto';
import type {Blob} from './blob.js';
import type {ChecksumName} from './checksum.js';
import {accessDenied, noSuchKey, noSuchUpload, preconditionFailed, S3Error} from './s3-error.js';

/** One stored version of a key, or a delete marker. */
export interface Version {
  readonly key: string;
  /** `null` in a bucket that never had versioning. */
  readonly versionId: string;
  readonly deleteMarker: boolean;
  readonly blobs: readonly Blob[];
  readonly size: number;
  /** Without quotes. */
  readonly etag: string;
  readonly lastModifiedMs: number;
  /** Content-Type, Content-Encoding, Cache-Control and such, and x-amz-meta-*, by lower case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly checksum?: {readonly name: ChecksumName; readonly value: string; readonly type: 'FULL_OBJECT' | 'COMPOSITE'};
  /** Sizes of the parts when it was uploaded in parts. */
  readonly partSizes?: readonly number[];
  tags: ReadonlyArray<readonly [string, string]>;
  retention?: Retention;
  legalHold: boolean;
}

export interface Retention {
  readonly mode: 'GOVERNANCE' | 'COMPLIANCE';
  readonly untilMs: number;
}

export interface Part {
  readonly number: number;
  readonly blob: Blob;
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly checksum?: {readonly name: ChecksumName; readonly value: Buffer};
}

export interface Upload {
  readonly id: string;
  readonly key: string;
  readonly startedMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly tags: ReadonlyArray<readonly [string, string]>;
  readonly retention?: Retention;
  readonly legalHold: boolean;
  readonly checksum?: {readonly name: ChecksumName; readonly type: 'FULL_OBJECT' | 'COMPOSITE'};
  readonly parts: Map<number, Part>;
}

/** What a conditional write asks for. */
export interface Condition {
  readonly ifNoneMatch?: string;
  readonly ifMatch?: string;
}

/** One bucket: keys with their versions, and uploads under way. Knows nothing of HTTP. */
export class Bucket {
  readonly createdMs: number;
  versioning: 'Enabled' | 'Suspended' | undefined;
  /** Set once the bucket was made with object lock; `defaults` applies to new objects. */
  lock: {defaults?: {mode: Retention['mode']; days: number}} | undefined;
  /** Settings kept word for word, such as `lifecycle`. */
  readonly settings = new Map<string, string>();
  readonly uploads = new Map<string, Upload>();
  readonly #versions = new Map<string, Version[]>();
  #sortedKeys: string[] | undefined;

  constructor(
    readonly name: string,
    nowMs: number,
  ) {
    this.createdMs = nowMs;
  }

  /** The newest version, unless it is a delete marker. */
  current(key: string): Version | undefined {
    const newest = this.#versions.get(key)?.[0];
    return newest?.deleteMarker ? undefined : newest;
  }

  /** @throws S3Error NoSuchKey, NoSuchVersion, or MethodNotAllowed for a delete marker named by its id. */
  find(key: string, versionId: string | undefined): Version {
    const versions = this.#versions.get(key) ?? [];
    const found = versionId === undefined ? versions[0] : versions.find((version) => version.versionId === versionId);
    if (!found && versionId !== undefined)
      throw new S3Error(404, 'NoSuchVersion', 'The specified version does not exist.', {
        Key: key,
        VersionId: versionId,
      });
    if (!found || (found.deleteMarker && versionId === undefined)) throw noSuchKey(key);
    if (found.deleteMarker)
      throw new S3Error(405, 'MethodNotAllowed', 'The specified method is not allowed against this resource.');
    return found;
  }

  /** @throws S3Error 412, or 404 for If-Match on a missing key. */
  check(key: string, condition: Condition): void {
    const current = this.current(key);
    if (condition.ifNoneMatch !== undefined && current) throw preconditionFailed('If-None-Match');
    if (condition.ifMatch === undefined) return;
    if (!current) throw noSuchKey(key);
    if (bareEtag(condition.ifMatch) !== current.etag) throw preconditionFailed('If-Match');
  }

  /** Puts a new current version in place; the caller has checked conditions. */
  async add(version: Omit<Version, 'versionId'>): Promise<Version> {
    const added: Version = {
      ...version,
      versionId: this.versioning === 'Enabled' ? randomBytes(16).toString('base64url') : 'null',
    };
    const versions = this.#versions.get(version.key) ?? [];
    // Without versioning there is one `null` version; writing replaces it.
    const replaced = added.versionId === 'null' ? versions.filter((one) => one.versionId === 'null') : [];
    this.#versions.set(version.key, [added, ...versions.filter((one) => !replaced.includes(one))]);
    if (versions.length === 0) this.#sortedKeys = undefined;
    await Promise.all(replaced.flatMap((one) => one.blobs.map((blob) => blob.release())));
    return added;
  }

  /** Deletes as S3 does: a marker when versioned and no version is named. Absent keys are no error. */
  async remove(
    key: string,
    versionId: string | undefined,
    nowMs: number,
    bypassGovernance: boolean,
  ): Promise<{versionId?: string; deleteMarker?: boolean}> {
    const versions = this.#versions.get(key) ?? [];
    if (versionId === undefined && this.versioning !== undefined) {
      const marker = await this.add(deleteMarker(key, nowMs));
      return {versionId: marker.versionId, deleteMarker: true};
    }
    const victim = versions.find((version) => version.versionId === (versionId ?? 'null'));
    if (!victim) return versionId === undefined ? {} : {versionId};
    if (isLocked(victim, nowMs, bypassGovernance))
      throw accessDenied('Access Denied because object protected by object lock.');
    const left = versions.filter((version) => version !== victim);
    if (left.length > 0) this.#versions.set(key, left);
    else this.#versions.delete(key);
    if (left.length === 0) this.#sortedKeys = undefined;
    await Promise.all(victim.blobs.map((blob) => blob.release()));
    return versionId === undefined ? {} : {versionId, ...(victim.deleteMarker ? {deleteMarker: true} : {})};
  }

  upload(id: string, key: string): Upload {
    const upload = this.uploads.get(id);
    if (upload?.key !== key) throw noSuchUpload(id);
    return upload;
  }

  async dropUpload(upload: Upload, keep: readonly Part[] = []): Promise<void> {
    this.uploads.delete(upload.id);
    await Promise.all(
      [...upload.parts.values()].filter((part) => !keep.includes(part)).map((part) => part.blob.release()),
    );
  }

  get isEmpty(): boolean {
    return this.#versions.size === 0;
  }

  /** All keys in S3's order: by their UTF-8 bytes. */
  keys(): readonly string[] {
    this.#sortedKeys ??= [...this.#versions.keys()].sort(byBytes);
    return this.#sortedKeys;
  }

  /** Newest first. */
  versionsOf(key: string): readonly Version[] {
    return this.#versions.get(key) ?? [];
  }
}

export function byBytes(a: string, b: string): number {
  // UTF-16 order, the language's own, differs from it above the basic plane only.
  return /[\ud800-\udfff]/.test(a + b) ? Buffer.compare(Buffer.from(a), Buffer.from(b)) : a < b ? -1 : a > b ? 1 : 0;
}

export function bareEtag(etag: string): string {
  return etag.trim().replace(/^W\//, '').replace(/^"|"$/g, '');
}

function isLocked(version: Version, nowMs: number, bypassGovernance: boolean): boolean {
  if (version.legalHold) return true;
  if (!version.retention || version.retention.untilMs <= nowMs) return false;
  return version.retention.mode === 'COMPLIANCE' || !bypassGovernance;
}

function deleteMarker(key: string, nowMs: number): Omit<Version, 'versionId'> {
  return {
    key,
    deleteMarker: true,
    blobs: [],
    size: 0,
    etag: '',
    lastModifiedMs: nowMs,
    headers: {},
    tags: [],
    legalHold: false,
  };
}
